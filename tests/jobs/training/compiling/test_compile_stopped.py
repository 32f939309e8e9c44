"""A signal to the process group while torch.compile runs a compiler: it ends the compiler too."""

import os
import subprocess
import sys
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest
from tests.support.small_jobs import small_job

COMPILER = """#!/bin/sh
case "$*" in *--version*|*-dumpversion*) exec g++ "$@";; esac
kill -TERM 0
sleep 20
"""
"""A compiler that is at work when a signal comes to its process group, as from a terminal."""


def test_a_stop_while_a_network_is_compiled_is_no_failure(tmp_path: Path, store: str) -> None:
    compiler, file = tmp_path / "g++", tmp_path / "job.json"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    job = small_job(epochs=1, compile=True)
    file.write_text(JobRequest(job=job).model_dump_json())
    ended = subprocess.run(
        [sys.executable, "-m", "compound.jobs", str(file), "--store", store],
        env={**os.environ, "CXX": str(compiler), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 130, ended.stderr
    result = ArtifactStore.open(store).result(job.id)
    assert result is not None
    assert result.status == "stopped"
    assert result.cause is not None
    assert result.cause.kind == "interrupted"
