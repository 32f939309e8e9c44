"""`compound status --watch`: it follows a study that somebody runs, and ends with it."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.study import watch as watch_command
from compound.schemas.errors import StoreError
from compound.schemas.job import EpochRow, Event
from compound.schemas.metrics import ACCURACY, SPEED
from tests.support.command import compound
from tests.support.stored_studies import of_schema
from tests.support.terminal import Shown, on_terminal


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A study of eight jobs; two of them are done, one has failed, three were never begun."""
    return ArtifactStore.open(of_schema(4, tmp_path))


@contextmanager
def training(store: ArtifactStore) -> Iterator[None]:
    """Run the study: one of its jobs has logged an epoch more than it had."""
    folder = store.study("small")
    job_id = next(job for job in store.jobs() if store.state(job).status == "stopped")
    job = store.job(job_id)
    assert job is not None
    with folder.lease({}), store.writer(job) as writer:
        writer.resume()
        (driver,) = folder.drivers()
        name = f"{driver['host']}/{driver['pid']}"
        begun = {"job": job_id, "attempt": writer.attempt, "driver": name, "worker": name}
        folder.append_event(Event.model_validate({"kind": "started", **begun}))
        rows = store.rows(job_id)
        row = {"epoch": rows[-1].epoch + 1, "step": 99, "wall_time": time.time()}
        metrics = {ACCURACY: 0.4321, SPEED: 1234.0}
        writer.log(EpochRow(job=job_id, attempt=writer.attempt, metrics=metrics, **row))
        yield


def after(seconds: float, do: Callable[[], None]) -> threading.Thread:
    thread = threading.Timer(seconds, do)
    thread.start()
    return thread


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_shows_running_jobs_until_the_study_ends(
    store: ArtifactStore, columns: int
) -> None:
    study = training(store)
    study.__enter__()
    ending = after(1.0, lambda: study.__exit__(None, None, None))
    shown = on_terminal(lambda: watched(store.uri), columns)
    ending.join()
    first, _, last = shown.partition("\x1b[J")[2].partition("\x1b[J")
    assert "small in" in first and "2 of 8 done" in first and "43.2 %" in first
    screen = Shown(columns).take(shown).lines
    assert "2 done" in " ".join(screen) and "43.2 %" not in screen[-1]
    assert "2 of 8 done" not in last, "the live lines are gone, the status stays"


def test_a_log_gets_lines_and_then_the_status(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch_command, "LOG_S", 0.2)
    study = training(store)
    study.__enter__()
    ending = after(0.5, lambda: study.__exit__(None, None, None))
    watched(store.uri)
    ending.join()
    first, *_, last = capsys.readouterr().out.splitlines()
    assert "2 of 8 done, 1 failed, 1 running" in first and "\x1b" not in first
    assert last.startswith("next:")


def test_a_store_that_vanishes_ends_it_with_a_sentence(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_command, "LOG_S", 0.2)
    with store.study("small").lease({}):
        ending = after(0.3, lambda: shutil.move(store.uri, f"{store.uri}-moved"))
        with pytest.raises(StoreError, match="there is no store here"):
            watch_command.watch("small", store.uri)
        ending.join()


def test_an_interrupt_ends_it_with_130_and_a_study_that_nobody_runs_at_once(
    store: ArtifactStore,
) -> None:
    words = ["status", "small", "--store", store.uri, "--watch"]
    assert compound(*words).stdout == compound(*words[:-1]).stdout
    with store.study("small").lease({}):
        program = [sys.executable, "-m", "compound", *words]
        with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert b"2 of 8 done" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            process.communicate()
    assert process.returncode == 130


def watched(uri: str) -> None:
    """Watch the study; its code says that it was answered."""
    try:
        watch_command.watch("small", uri)
    except SystemExit as end:
        assert end.code in (0, None)
