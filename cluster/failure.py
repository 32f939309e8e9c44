"""Failures that no worker was left to record."""

from jobs.store.artifacts import ArtifactStore
from schemas.job import Cause, JobRequest, JobResult


def record_failure(request: JobRequest, store: ArtifactStore, cause: Cause) -> JobResult:
    """Write, as an attempt of its own, that a job failed; return the result."""
    workers = request.resources.workers
    with store.writer(request.job, world_size=workers) as writer:
        writer.resume(request.continues)
        rows = store.rows(request.job.id)
        result = JobResult(
            job=request.job.id,
            status="failed",
            attempt=writer.attempt,
            epochs=rows[-1].epoch if rows else 0,
            metrics=rows[-1].metrics if rows else {},
            cause=cause,
            world_size=workers,
            splits=request.splits,
        )
        writer.finish(result)
    return result
