"""Errors from which CUDA never recovers: the process ends, the job and the next ones go on."""

import os
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import Session
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.parallel.failure import SPENT
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.history import History
from compound.orchestrator.run.phase import PhaseRunner
from compound.schemas.job import Event, JobRequest
from tests.support.failing_networks import NO_MEMORY, hungry_request
from tests.support.phases import IMAGES, Log, planned

TEXT = "CUDA error: device-side assert triggered"
ASSERTS = f"raise torch.AcceleratorError({TEXT!r})"
MARK = """import pathlib
            here = pathlib.Path(__file__)
            marks = list(here.parent.glob(here.stem + ".pid-*"))
            here.with_suffix(f".pid-{os.getpid()}").touch()"""
"""Writes down which processes come here."""
ASSERTS_ONCE = f"""{MARK.replace("here.with_suffix", "marks or here.with_suffix")}
            if not marks:
                raise torch.AcceleratorError({TEXT!r})"""
"""Fails in the first process that comes here, and writes down which one it was."""


def writes_its_process(folder: Path, name: str, workers: int = 1) -> JobRequest:
    """Return a job that trains, and writes down which processes it trains in."""
    return hungry_request(folder, name, 0, workers=workers, fails=MARK, seed=7)


def process_ids(folder: Path, name: str) -> set[int]:
    """Return the processes that a job's network has written down."""
    return {int(mark.suffix.removeprefix(".pid-")) for mark in folder.glob(f"{name}.pid-*")}


def test_a_lost_device_costs_its_process_and_no_later_job(store: str, tmp_path: Path) -> None:
    events: list[Event] = []
    asserts = hungry_request(tmp_path, "asserts", 0, fails=ASSERTS)
    sound = writes_its_process(tmp_path, "sound")
    runner = LocalRunner((str(tmp_path),), retries=1)
    failed, done = runner.run([asserts, sound], store, events.append)
    assert failed.cause is not None
    assert failed.cause.kind == "worker lost"
    assert failed.cause.message == f"given up after 2 lost workers; the last: {TEXT}{SPENT}"
    assert "AcceleratorError" in failed.cause.traceback
    told = [event.message for event in events if event.kind == "waiting"]
    assert told == [
        f"{TEXT}{SPENT} (lost worker 1, 1 are forgiven); goes on from the last checkpoint"
    ]
    assert done.status == "done"
    assert os.getpid() not in process_ids(tmp_path, "sound")


def test_a_job_goes_on_in_a_new_process(store: str, tmp_path: Path) -> None:
    request = hungry_request(tmp_path, "once", 0, fails=ASSERTS_ONCE)
    (done,) = LocalRunner((str(tmp_path),)).run([request], store, lambda event: None)
    assert (done.status, done.attempt) == ("done", 2)


@pytest.mark.slow
def test_a_rank_that_loses_its_device_takes_the_launcher_down_and_is_named(
    store: str, tmp_path: Path
) -> None:
    request = hungry_request(tmp_path, "asserts", 0, workers=2, ranks=(1,), fails=ASSERTS)
    runner = LocalRunner((str(tmp_path),), retries=0)
    (failed,) = runner.run([request], store, lambda event: None)
    assert failed.cause is not None
    assert failed.cause.kind == "worker lost"
    assert f"{TEXT}{SPENT}" in failed.cause.message


@pytest.mark.slow
def test_memory_that_is_short_on_one_rank_within_a_step_halves_all_micro_batches(
    store: str, tmp_path: Path
) -> None:
    """The other rank is inside the step's collective by then, which no rank will ever match."""
    ledger, log = ArtifactStore.open(store), Log()
    request = hungry_request(tmp_path, "short", 8, workers=2, ranks=(1,), fails=NO_MEMORY)
    runner, history = LocalRunner((str(tmp_path),)), History(ledger, "small")
    crew = PhaseRunner(ledger, runner, log, IMAGES, history, ledger.study("small").index)
    assert crew.train("search", [planned(request)]) == "done"
    assert log.again == ["out of memory: trying micro-batches of 8 instead of 16"]
    result = ledger.result(request.job.id)
    assert result is not None
    assert (result.status, result.splits, result.world_size) == ("done", 2, 2)


@pytest.mark.ray
@pytest.mark.slow
def test_a_warm_trial_actor_that_loses_its_device_gives_way_to_another(
    ray_session: Session, store: str, tmp_path: Path
) -> None:
    events: list[Event] = []
    asserts = hungry_request(tmp_path, "asserts", 0, fails=ASSERTS)
    once = hungry_request(tmp_path, "once", 0, fails=ASSERTS_ONCE, seed=1)
    sound = writes_its_process(tmp_path, "sound")
    runner = RayRunner(ray_session, retries=1, imports=(str(tmp_path),))
    failed, again, done = runner.run([asserts, once, sound], store, events.append)
    assert failed.cause is not None
    assert failed.cause.kind == "worker lost"
    assert failed.cause.message == f"given up after 2 lost workers; the last: {TEXT}{SPENT}"
    assert (again.status, again.attempt, done.status) == ("done", 2, "done")
    told = [event.message for event in events if event.kind == "waiting"]
    assert told.count(f"{TEXT}{SPENT}; going on from the last checkpoint") == 2
    assert not process_ids(tmp_path, "once") & process_ids(tmp_path, "sound")


@pytest.mark.ray
@pytest.mark.slow
def test_a_gang_whose_worker_loses_its_device_is_started_anew(
    ray_session: Session, store: str, tmp_path: Path
) -> None:
    events: list[Event] = []
    once = hungry_request(tmp_path, "once", 0, workers=2, ranks=(1,), fails=ASSERTS_ONCE)
    sound = writes_its_process(tmp_path, "sound", workers=2)
    runner = RayRunner(ray_session, retries=1, imports=(str(tmp_path),))
    again, done = runner.run([once, sound], store, events.append)
    assert [(one.status, one.attempt) for one in (again, done)] == [("done", 2), ("done", 1)]
    told = "\n".join(event.message for event in events if event.kind == "waiting")
    (lost,) = process_ids(tmp_path, "once")
    assert f"(pid {lost}): {TEXT}{SPENT} (lost worker 1, 1 are forgiven)" in told
    assert lost not in process_ids(tmp_path, "sound")
