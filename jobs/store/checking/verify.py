"""Recomputes every checksum of a store, for `compound verify`."""

from collections.abc import Iterable, Iterator
from typing import Literal

from compound.jobs.store.backend.files import Files
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.job_check import check_job
from compound.jobs.store.checking.job_view import folders_among
from compound.jobs.store.checking.study_check import check_study, check_top
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.known_jobs import known_to
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.schemas.base import Model

Kind = Literal["damaged", "missing", "misplaced", "newer"]
_REPORTED_PROBLEMS = ("misplaced", "missing", "damaged", "newer", "torn")
_WORDS: dict[str, Kind] = {"missing": "missing", "newer": "newer", "misplaced": "misplaced"}
"""What people call a problem; all others are damage."""


class Damage(Model):
    """A file that is damaged or missing, in another's place, or of a newer schema."""

    owner: str
    """The job or the study that it belongs to; empty for the store's own."""
    file: str
    problem: str
    kind: Kind = "damaged"


class Audit(Model):
    """How much was read, and which files are damaged."""

    files: int = 0
    bytes: int = 0
    damaged: tuple[Damage, ...] = ()


def audit(files: Files, job_ids: Iterable[str], studies: Iterable[StudyFolder]) -> Audit:
    """Check jobs, studies and the store's own records."""
    counts = FindingCounts()
    findings = [
        finding
        for finding in _findings(files, job_ids, studies, counts)
        if finding.problem in _REPORTED_PROBLEMS
    ]
    damaged = [
        Damage(
            owner=finding.owner,
            file=finding.file,
            problem=finding.what,
            kind=_WORDS.get(finding.problem, "damaged"),
        )
        for finding in findings
    ]
    return Audit(files=counts.files, bytes=counts.bytes, damaged=tuple(damaged))


def _findings(
    files: Files, job_ids: Iterable[str], studies: Iterable[StudyFolder], counts: FindingCounts
) -> Iterator[Finding]:
    yield from check_top(files, counts, 0)
    by_name = {study.name: study for study in studies}
    chosen = [by_name[name] for name in folders_among(files, "studies", by_name)]
    seen = known_to(chosen)
    for job_id in folders_among(files, "jobs", dict.fromkeys([*job_ids, *seen])):
        yield from check_job(JobFolder(files, job_id), counts, 0, seen.get(job_id))[1]
    for study in chosen:
        yield from check_study(files, study, counts, 0)
