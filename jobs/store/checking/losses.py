"""What readers of a study would not see: files and rows that were committed and are not there.

`fsck` reads every byte; this reads a study's documents, the newest commit of each job, and a
listing. So a reader can say what it lacks in the same breath as what it has.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from compound.jobs.store.backend.files import Files
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.study_check import check_study
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.known_jobs import KnownJob, known_jobs
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.manifest import Manifest

_READ = ("document", "events")
"""Kinds of a study's files that hold what readers show. The others only save time."""


class JobLoss(NamedTuple):
    """What one job lacks."""

    rows: int
    """The lines of its table of metrics that it should have, by what is known of it."""
    lost: int
    """The lines that are certainly gone."""
    files: tuple[str, ...] = ()
    """The keys of files of rows and predictions that its newest commit names, and that are gone."""
    checkpoints: tuple[str, ...] = ()
    """The same for the files of checkpoints, which no row and no answer is made of."""
    predicts: bool = False
    """Whether its newest commit names predictions."""


class Losses:
    """Looks for what one study lacks."""

    def __init__(self, files: Files, study: StudyFolder, at_once: int) -> None:
        """`at_once`: jobs that are read at a time."""
        self._files, self._study, self._at_once = files, study, at_once

    def documents(self, needed: Iterable[str]) -> list[Finding]:
        """Return the documents and events that are missing, damaged or another study's.

        `needed`: the documents without which there is no study.
        """
        findings = check_study(self._files, self._study, FindingCounts(), 0, needed)
        return [finding for finding in findings if finding.grave and finding.kind in _READ]

    def seen_jobs(self) -> dict[str, KnownJob]:
        """Return the jobs that the study has seen training."""
        return known_jobs(self._study)

    def jobs(self, jobs: Iterable[str], seen: Mapping[str, KnownJob]) -> dict[str, JobLoss]:
        """Return what each job lacks."""
        ids = list(jobs)

        def loss(job: str) -> JobLoss:
            return _job_loss(JobFolder(self._files, job), seen.get(job))

        with ThreadPoolExecutor(self._at_once) as threads:
            return dict(zip(ids, threads.map(loss, ids), strict=True))


def _job_loss(folder: JobFolder, seen: KnownJob | None) -> JobLoss:
    while True:
        newest = folder.newest()
        gone = _gone(folder, newest) if newest else ()
        # A writer deletes what only its commit before named.
        if not gone or folder.newest() == newest:
            return _loss(newest, gone, seen)


def _gone(folder: JobFolder, newest: Manifest) -> tuple[str, ...]:
    present = {entry.key for entry in folder.files.entries(folder.key) if not entry.strange}
    return tuple(sorted({file.key for file in newest.files} - present))


def _loss(newest: Manifest | None, gone: tuple[str, ...], seen: KnownJob | None) -> JobLoss:
    expected = max(seen.rows, seen.epoch) if seen else 0
    if newest is None or (seen and _is_older(newest, seen)):
        rows = newest.rows if newest else 0
        lost, predicts = max(0, expected - rows), False
    else:
        ended, rows = newest.result is not None, newest.rows
        lost = sum(part.rows for part in newest.parts if ended and part.key in gone)
        predicts = newest.predictions is not None
    saved = newest.checkpoint_keys if newest else frozenset[str]()
    files = tuple(key for key in gone if key not in saved)
    return JobLoss(
        max(expected, rows), lost, files, tuple(key for key in gone if key in saved), predicts
    )


def _is_older(newest: Manifest, seen: KnownJob) -> bool:
    """Whether a study has seen a later commit than the newest that is there."""
    if newest.attempt != seen.attempt:
        return newest.attempt < seen.attempt
    return seen.result is not None and newest.result is None
