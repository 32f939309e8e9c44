"""Exit codes of commands, as docs/reference/exit-codes.md promises them."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.cli.app import app
from compound.orchestrator.cli.study.run_summary import Reached
from compound.schemas.errors import ExitCode, after_check, after_jobs, after_submission
from tests.support.command import compound

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "exit-codes.md").read_text()
SPEC = """\
kind: train
name: small
store: {store}
data: {{source: synthetic, images: 65, validation_images: 17, size: 16}}
baseline:
  resolution: {resolution}
  stem: {{channels: 4, stride: 1}}
  stages: [{{channels: 4, expand: 1, se: 0, stride: 2}}]
  head: 8
train: {{epochs: 1, batch: 1}}
resources: {{gpus: 0}}
retries: 0
"""


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A spec whose only job fails: batch norm has one value in a batch of one image."""
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", resolution=2))
    return path


def test_a_failed_job_is_a_failed_command(failing: Path) -> None:
    words = ("--runner", "local", "--json")
    ran = compound("run", str(failing), *words, "--no-report")
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, answer["status"], answer["failed"]) == (1, "done", 1)
    assert "failed: 1 of 1 job" in ran.stderr
    again = compound("run", str(failing), *words, "--no-report")
    assert again.returncode == 1, "a job that failed earlier counts too"
    retried = compound("retry", str(failing), *words)
    assert (retried.returncode, json.loads(retried.stdout.splitlines()[-1])["failed"]) == (1, 1)
    assert compound("status", str(failing)).returncode == 0
    assert compound("fsck", str(failing)).returncode == 0


@given(st.integers(0, 10**6), st.booleans())
def test_one_failed_job_is_enough(failed: int, stopped: bool) -> None:
    code = after_jobs(failed=failed, stopped=stopped)
    assert code == (130 if stopped else min(failed, 1))


def test_checks_and_submissions() -> None:
    assert (after_check(sound=True), after_check(sound=False)) == (0, 1)
    assert after_submission("SUCCEEDED", None) == after_submission("SUCCEEDED", 0) == 0
    assert [after_submission("FAILED", code) for code in (None, 0, 1, 2, 130)] == [1, 1, 1, 2, 130]
    assert after_submission("STOPPED", None) == 130


def test_the_page_has_every_code_command_and_ending() -> None:
    commands = [*app.registered_commands]
    commands += [c for g in app.registered_groups for c in g.typer_instance.registered_commands]
    names = [c.name or c.callback.__name__ for c in commands if c.callback]
    assert len(names) > 15 and not [name for name in names if f"`{name}" not in PAGE]
    known = {name.replace("_", "-") for name in names}
    cells = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    written = [words.split()[0] for cell in cells for words in re.findall(r"`(.+?)`", cell)]
    assert [word for word in written if word not in known and word.isalpha()] == []
    assert not [code for code in ExitCode if f"\n| {int(code)} |" not in PAGE]
    endings = [word for part in get_args(Reached) for word in get_args(part) or (part,)]
    assert not [word for word in endings if word in ("closed", "spent") and f'"{word}"' not in PAGE]
