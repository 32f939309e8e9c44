"""Everything that a store has of one job."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.format.manifest import CheckpointFiles
from compound.schemas.errors import UnknownError
from compound.schemas.job import EpochRow, Event, JobResult, TrainJob

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState


@dataclass(frozen=True)
class JobReading:
    """One job at one moment."""

    job: TrainJob | None
    """As it was recorded; None: no attempt has begun."""
    state: JobState
    result: JobResult | None
    rows: Sequence[EpochRow]
    checkpoints: Sequence[CheckpointFiles]
    events: Sequence[Event]
    """Its waits, attempts and retries, with their reasons."""
    trace: str | None
    """The address of its newest profile."""
    address: str
    """Where its files lie."""


def read_job(store: ArtifactStore, study: "StudyState", job: str) -> JobReading:
    """Read one job of a study. UnknownError: the study has not planned it."""
    if job not in study.states:
        raise UnknownError(
            f"study {study.name} has no job '{job[:40]}'", allowed="the id of a job: 16 hex digits"
        )
    events = [event for event in store.study(study.name).events() if event.job == job]
    return JobReading(
        job=store.job(job),
        state=store.state(job),
        result=store.result(job),
        rows=store.rows(job),
        checkpoints=store.checkpoints(job),
        events=[event for event in events if event.kind != "epoch"],
        trace=store.trace(job),
        address=f"{store.uri}/jobs/{job}",
    )
