"""What jobs left in a store: their numbers without the clock's, and that one was pruned."""

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest, JobResult

TIMED = {"images_per_second", "seconds", "data_wait"}


def numbers(store: str, request: JobRequest) -> list[dict[str, float]]:
    """All rows of a job, without what a clock says; every epoch is there once."""
    rows = ArtifactStore.open(store).rows(request.job.id)
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1))
    return [{k: v for k, v in row.metrics.items() if k not in TIMED} for row in rows]


def assert_pruned(result: JobResult, store: str, epochs: int) -> None:
    """See that a job was stopped for good after its first epoch, with everything it had."""
    ledger = ArtifactStore.open(store)
    assert (result.status, result.epochs) == ("stopped", 1)
    assert result.cause is not None
    message = f"stopped after epoch 1 of {epochs}: not in the best 1 of 4 at epoch 1"
    assert (result.cause.kind, result.cause.message) == ("pruned", message)
    assert ledger.result(result.job) == result
    assert [row.epoch for row in ledger.rows(result.job)] == [1]
    assert result.metrics == ledger.rows(result.job)[0].metrics
    stored = ledger.checkpoint(result.job)
    assert stored is not None and stored.epoch == 1
