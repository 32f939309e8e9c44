"""What jobs left in a store: their numbers without the clock's."""

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest

TIMED = {"images_per_second", "seconds", "data_wait"}


def numbers(store: str, request: JobRequest) -> list[dict[str, float]]:
    """All rows of a job, without what a clock says; every epoch is there once."""
    rows = ArtifactStore.open(store).rows(request.job.id)
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1))
    return [{k: v for k, v in row.metrics.items() if k not in TIMED} for row in rows]
