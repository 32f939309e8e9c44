"""Results that the driver records, because no worker can."""

from compound.cluster.runner import unfinished
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Cause, JobRequest, JobResult

_MAX_CHARACTERS = 300
"""Characters of a message in a line."""


def record_failure(request: JobRequest, store: ArtifactStore, cause: Cause) -> JobResult:
    """Write, as an attempt of its own, that a job failed; return the result.

    Of an evaluation nothing is written: the job itself has not failed.
    """
    failed = unfinished(request).model_copy(
        update={"status": "failed", "cause": cause, "splits": request.splits}
    )
    return _record(request, store, failed) if request.evaluates is None else failed


def _record(request: JobRequest, store: ArtifactStore, ended: JobResult) -> JobResult:
    with store.writer(request.job, world_size=request.resources.least_workers) as writer:
        writer.resume(request.continues)
        rows = store.rows(request.job.id)
        epochs, metrics = (rows[-1].epoch, rows[-1].metrics) if rows else (0, {})
        result = ended.model_copy(
            update={
                "attempt": writer.attempt,
                "epochs": epochs,
                "metrics": metrics,
                "world_size": request.resources.least_workers,
            }
        )
        writer.finish(result)
    return result


def lost(result: JobResult) -> bool:
    """Whether an attempt ended because workers were lost: new ones may continue the job."""
    return result.cause is not None and result.cause.kind == "worker lost"


def in_a_line(cause: Cause) -> str:
    """Return a cause's message in one line, cut to a length that fits events."""
    return " ".join(cause.message.split())[:_MAX_CHARACTERS]
