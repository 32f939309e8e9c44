"""Recomputes every checksum of a store, for `compound verify`: what `fsck` finds, and no more."""

from collections.abc import Iterable
from typing import Literal

from compound.jobs.store.backend.files import Files
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions, check_store
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.schemas.base import Model

Kind = Literal["damaged", "missing", "misplaced", "newer"]
_KINDS: dict[str, Kind] = {"missing": "missing", "newer": "newer", "misplaced": "misplaced"}
"""What people call a problem; all others are damage."""


class Damage(Model):
    """A file that is damaged or missing, in another's place, newer, or whose end was cut off."""

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
    torn: tuple[Damage, ...] = ()
    """What a crash has cut off: it was never acknowledged as durable."""


def audit(
    files: Files,
    job_ids: Iterable[str],
    studies: Iterable[StudyFolder],
    needed: Iterable[str] = (),
) -> Audit:
    """Check jobs, studies and the store's own records as `fsck` does.

    `needed`: the documents without which there is no study.
    """
    counts, options = FindingCounts(), CheckOptions(older_than=0, needed=tuple(needed))
    findings = [*check_store(files, job_ids, studies, counts, options)]
    return Audit(
        files=counts.files,
        bytes=counts.bytes,
        damaged=tuple(_damage(finding) for finding in findings if finding.grave),
        torn=tuple(_damage(finding) for finding in findings if finding.problem == "torn"),
    )


def _damage(finding: Finding) -> Damage:
    return Damage(
        owner=finding.owner,
        file=finding.file,
        problem=finding.what,
        kind=_KINDS.get(finding.problem, "damaged"),
    )
