"""Errors from which CUDA never recovers: the process ends, the job and the next ones go on."""

from pathlib import Path

import pytest
from hungry import NO_MEMORY, hungry_request
from test_orchestrator_crew import IMAGES, Log, planned

from cluster.local import LocalRunner
from jobs.store.artifacts import ArtifactStore
from jobs.training.failure import SPENT
from orchestrator.crew import Crew
from orchestrator.extension import History
from schemas.job import Event, JobRequest

TEXT = "CUDA error: device-side assert triggered"
ASSERTS = f"raise torch.AcceleratorError({TEXT!r})"
ASSERTS_ONCE = f"""import pathlib
            mark = pathlib.Path(__file__).with_suffix(".{{pid}}")
            if not list(mark.parent.glob(mark.stem + ".pid-*")):
                mark.with_suffix(f".pid-{{os.getpid()}}").touch()
                raise torch.AcceleratorError({TEXT!r})"""
"""Fails in the first process that comes here, and writes down which one it was."""


def healthy(folder: Path, name: str, workers: int = 1) -> JobRequest:
    """Return a job that takes all images it gets."""
    return hungry_request(folder, name, 10_000, workers=workers, seed=7)


def test_a_lost_device_costs_its_process_and_no_later_job(store: str, tmp_path: Path) -> None:
    events: list[Event] = []
    asserts = hungry_request(tmp_path, "asserts", 0, fails=ASSERTS)
    sound = healthy(tmp_path, "sound")
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
    assert done.epochs == 2


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
    crew = Crew(ledger, runner, log, IMAGES, history, ledger.study("small").index)
    assert crew.train("search", [planned(request)]) == "done"
    assert log.again == ["out of memory: trying micro-batches of 8 instead of 16"]
    result = ledger.result(request.job.id)
    assert result is not None
    assert (result.status, result.splits, result.world_size) == ("done", 2, 2)
