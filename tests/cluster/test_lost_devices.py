"""Errors from which CUDA never recovers: the process ends, the job and the next ones go on."""

import os
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import Session
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.parallel.failure import GPU_LOST
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.history import History
from compound.orchestrator.run.phase import PhaseRunner
from compound.schemas.job import Event, JobRequest
from compound.schemas.retries import RetryLimits
from tests.support.failing_networks import (
    ASSERTS,
    ASSERTS_ONCE,
    DEVICE_ASSERT,
    NO_MEMORY,
    WRITES_PROCESS,
    hungry_request,
    process_ids,
)
from tests.support.phase_log import IMAGES, SMALLER, PhaseLog, planned


def writes_its_process(folder: Path, name: str) -> JobRequest:
    """Return a job that trains, and writes down which processes it trains in."""
    return hungry_request(folder, name, 0, fails=WRITES_PROCESS, seed=7)


def test_a_lost_device_costs_its_process_and_no_later_job(store: str, tmp_path: Path) -> None:
    events: list[Event] = []
    asserts = hungry_request(tmp_path, "asserts", 0, fails=ASSERTS)
    sound = writes_its_process(tmp_path, "sound")
    runner = LocalRunner((str(tmp_path),), limits=RetryLimits(lost_worker=1))
    failed, done = runner.run([asserts, sound], store, events.append)
    assert failed.cause is not None
    assert failed.cause.kind == "worker lost"
    limit = "retry limit reached: worker lost 2 times; the last: "
    assert failed.cause.message == f"{limit}{DEVICE_ASSERT}{GPU_LOST}"
    assert "AcceleratorError" in failed.cause.traceback
    messages = [event.message for event in events if event.kind == "waiting"]
    assert messages == [
        f"{DEVICE_ASSERT}{GPU_LOST} (worker lost: retry 1 of 1); continues from the last checkpoint"
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
    runner = LocalRunner((str(tmp_path),), limits=RetryLimits(lost_worker=0))
    (failed,) = runner.run([request], store, lambda event: None)
    assert failed.cause is not None
    assert failed.cause.kind == "worker lost"
    assert f"{DEVICE_ASSERT}{GPU_LOST}" in failed.cause.message


@pytest.mark.slow
def test_memory_that_is_short_on_one_rank_within_a_step_halves_all_micro_batches(
    store: str, tmp_path: Path
) -> None:
    """The other rank is inside the step's collective by then, which no rank will ever match."""
    ledger, log = ArtifactStore.open(store), PhaseLog()
    request = hungry_request(tmp_path, "short", 8, workers=2, ranks=(1,), fails=NO_MEMORY)
    runner, history = LocalRunner((str(tmp_path),)), History(ledger, "small")
    phase_runner = PhaseRunner(
        ledger, runner, log, IMAGES, history, ledger.study("small").done_jobs
    )
    assert phase_runner.train("search", [planned(request)]) == "done"
    assert log.again == [f"{SMALLER} (8 instead of 16)"]
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
    runner = RayRunner(ray_session, limits=RetryLimits(lost_worker=1), imports=(str(tmp_path),))
    failed, again, done = runner.run([asserts, once, sound], store, events.append)
    assert failed.cause is not None
    assert failed.cause.kind == "worker lost"
    limit = "retry limit reached: worker lost 2 times; the last: "
    assert failed.cause.message == f"{limit}{DEVICE_ASSERT}{GPU_LOST}"
    assert (again.status, again.attempt, done.status) == ("done", 2, "done")
    messages = [event.message for event in events if event.kind == "waiting"]
    retried = (
        f"{DEVICE_ASSERT}{GPU_LOST} (worker lost: retry 1 of 1); continues from the last checkpoint"
    )
    assert messages.count(retried) == 2
    assert not process_ids(tmp_path, "once") & process_ids(tmp_path, "sound")
