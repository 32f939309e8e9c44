"""Every checksum of a store, recomputed: what `compound verify` shows."""

from collections.abc import Iterable, Iterator

from compound.jobs.store.backend.files import Files
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.job_check import check_job
from compound.jobs.store.checking.study_check import check_study, check_top
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.schemas.base import Model

_SHOWN = ("missing", "damaged", "newer", "torn")


class Damage(Model):
    """A file that does not hold what was written, or that is gone."""

    owner: str
    """The job or the study that it belongs to; empty for the store's own."""
    file: str
    problem: str


class Audit(Model):
    """What was read, and what of it cannot be trusted."""

    files: int = 0
    bytes: int = 0
    damaged: tuple[Damage, ...] = ()


def audit(files: Files, job_ids: Iterable[str], studies: Iterable[StudyFolder]) -> Audit:
    """Check jobs, studies and the store's own records."""
    tally = FindingCounts()
    found = [one for one in _findings(files, job_ids, studies, tally) if one.problem in _SHOWN]
    damaged = [Damage(owner=one.owner, file=one.file, problem=one.what) for one in found]
    return Audit(files=tally.files, bytes=tally.bytes, damaged=tuple(damaged))


def _findings(
    files: Files, job_ids: Iterable[str], studies: Iterable[StudyFolder], tally: FindingCounts
) -> Iterator[Finding]:
    yield from check_top(files, tally, 0)
    for job_id in job_ids:
        yield from check_job(JobFolder(files, job_id), tally, 0)[1]
    for study in studies:
        yield from check_study(files, study, tally, 0)
