"""Where a job stands, as readers and `compound status` show it."""

from operator import not_
from typing import Literal

from pydantic import Field

from compound.jobs.store.format.manifest import Manifest, Writer
from compound.schemas.base import Model
from compound.schemas.job import Cause


class JobState(Model):
    """The state of a job."""

    job: str
    status: Literal["absent", "running", "stopped", "done", "failed"]
    """`stopped`: it has begun, has not ended, and has no live writer; a new run resumes it."""
    attempt: int = 0
    epoch: int = 0
    """Epochs finished and logged, over all attempts."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """Of the last epoch."""
    updated: float | None = None
    """When that epoch was logged, in seconds since the Unix epoch, on the worker's clock."""
    host: str = ""
    pid: int = 0
    cause: Cause | None = None
    attempts: tuple[Writer, ...] = ()
    """The writers of its attempts with their environments, oldest first."""
    rows: int = Field(default=0, exclude=True)
    """The lines of the table of metrics of a job that has ended; 0: not known."""
    part: str = Field(default="", exclude=True)
    """The key of their file."""
    missing: int = Field(default=0, exclude_if=not_)
    """How many lines a study knows of that the store has no more."""


def ended(manifest: Manifest) -> JobState:
    """Return the state of a job by the commit that ended it."""
    result = manifest.result
    assert result is not None
    return JobState(
        job=manifest.job,
        status=result.status,
        attempt=result.attempt,
        epoch=result.epochs,
        metrics=result.metrics,
        updated=manifest.last.wall_time if manifest.last else None,
        host=manifest.writer.host,
        pid=manifest.writer.pid,
        attempts=(*manifest.earlier, manifest.writer),
        cause=result.cause,
        rows=manifest.rows,
        part=manifest.parts[-1].key if manifest.parts else "",
    )
