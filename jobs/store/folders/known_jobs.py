"""What a study knows of its jobs beside what they wrote themselves: its index and its events."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from compound.jobs.store.folders.study_folder import StudyFolder
from compound.schemas.errors import StoreError
from compound.schemas.job import JobResult

_log = logging.getLogger(__name__)


class KnownJob(NamedTuple):
    """A job as a study has seen it."""

    study: str
    attempt: int
    epoch: int
    """The last epoch that was reported."""
    rows: int = 0
    """The lines of its table of metrics; 0: not known."""
    result: JobResult | None = None
    """How it ended, of a job that is done."""


def known_to(studies: Iterable[StudyFolder]) -> dict[str, KnownJob]:
    """Return the jobs that any of some studies has seen training, by the one that saw most."""
    by_job: dict[str, KnownJob] = {}
    for study in studies:
        for job, seen in known_jobs(study).items():
            by_job[job] = max(seen, by_job.get(job, seen), key=_extent)
    return by_job


def _is_stored(result: JobResult) -> bool:
    """Whether an attempt has begun, and its end could be written."""
    return result.attempt > 0 and (result.cause is None or result.cause.kind != "storage")


def _extent(seen: KnownJob) -> tuple[bool, int, int]:
    return seen.result is not None, seen.attempt, seen.epoch


def known_jobs(study: StudyFolder) -> dict[str, KnownJob]:
    """Return the jobs that a study has seen training, as it saw them last.

    Whatever is damaged there is left out, with a warning.
    """
    by_job: dict[str, KnownJob] = {}
    try:
        for event in study.events():
            if event.result is not None and _is_stored(event.result):
                seen = KnownJob(study.name, event.result.attempt, event.result.epochs)
                by_job[event.job] = seen
        for job, ended in study.done_jobs.read().items():
            result, rows = ended.result, ended.state.rows
            by_job[job] = KnownJob(study.name, result.attempt, result.epochs, rows, result)
    except StoreError as error:
        _log.warning("%s", str(error).splitlines()[0])
    return by_job
