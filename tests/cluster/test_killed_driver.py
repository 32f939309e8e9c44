"""kill -9 of a local driver leaves no process and, after the next start, no folder."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.runtime.child_processes import child_environment
from tests.support.leftovers import descendants, runs
from tests.support.requests import MakeRequest

DRIVER = """
import sys
from pathlib import Path
from compound.cluster.local_runner import LocalRunner
from compound.schemas.job import JobRequest

request = JobRequest.model_validate_json(Path(sys.argv[1]).read_text())
LocalRunner().run([request], sys.argv[2], lambda event: print(event.kind, flush=True))
"""
GUARD_S = 60


@pytest.mark.slow
def test_a_launcher_ends_with_a_driver_that_is_killed_before_the_ranks_are_there(
    make_request: MakeRequest, store: str, tmp_path: Path
) -> None:
    file = tmp_path / "request.json"
    file.write_text(make_request(0, workers=2, epochs=500).model_dump_json())
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(file), store],
        env=child_environment(TMPDIR=str(tmp_path)),
    )
    deadline = time.monotonic() + GUARD_S
    while not (launcher := descendants(driver.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert launcher, "it was started"
    ranks: set[int] = set()
    while any(map(runs, launcher)) and time.monotonic() < deadline:
        ranks |= set().union(*map(descendants, launcher))
        time.sleep(0.01)
    assert not any(map(runs, launcher)) and not ranks


@pytest.mark.slow
def test_the_ranks_of_a_killed_driver_end(
    make_request: MakeRequest, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    file = tmp_path / "request.json"
    file.write_text(make_request(0, workers=2, epochs=500).model_dump_json())
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(file), store],
        stdout=subprocess.PIPE,
        text=True,
        env=child_environment(TMPDIR=str(temporary)),
    )
    assert driver.stdout is not None
    assert next(line for line in driver.stdout if line == "epoch\n")
    processes = descendants(driver.pid)
    assert len(processes) >= 3  # the launcher and two ranks
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    deadline = time.monotonic() + GUARD_S
    while any(map(runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(runs, processes))

    assert [path.name.split("-")[1] for path in temporary.glob("compound-*")] == ["job"]
    assert not list(temporary.glob("torchelastic_*"))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    runner = LocalRunner()
    (result,) = runner.run(
        [make_request(1, workers=2, epochs=500)], store, lambda event: runner.request_stop()
    )
    assert result.status == "stopped"
    # torch's cache of compiled code: each user has one, and each process uses it again.
    assert {path.name.partition("_")[0] for path in temporary.iterdir()} <= {"torchinductor"}
