"""The environment of an attempt, recorded with its numbers: versions, code, device."""

import hashlib
import os
import platform
import shutil
import subprocess
from functools import cache

import torch

from compound.jobs.parallel.process import Process
from compound.jobs.runtime.distribution import compound_version
from compound.jobs.runtime.precision import float32_of
from compound.jobs.store.format.manifest import Environment, GitState
from compound.schemas.job import TrainJob

_PATIENCE = 5.0
"""Seconds that git may take, once in a process; without an answer nothing is recorded."""


def environment(job: TrainJob, process: Process) -> Environment:
    """Describe this process as it trains a job."""
    return Environment(
        python=platform.python_version(),
        torch=str(torch.__version__),
        compound=compound_version() or "not installed",
        system=f"{platform.system()} {platform.machine()}",
        git=git_state(os.getcwd()),
        device=process.name,
        float32=float32_of(process.device),
        threads=process.threads,
        job_sha256=hashlib.sha256(job.model_dump_json().encode()).hexdigest(),
    )


@cache
def git_state(folder: str) -> GitState | None:
    """Return the commit of the checkout that a folder is in; None if it is in none."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return GitState(commit=commit, dirty=None if changes is None else bool(changes))


def _git(folder: str, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "-C", folder, *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
            # `git status` would lock and rewrite the index, while the user may be committing.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
