"""What a study has committed, and readers of its store do not get: in texts, with numbers.

Every command that reads a study asks here. A study's list of files, its table of done jobs and its
events know of what it once wrote; so a reader can say what is missing, where it reads less.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import DamagedError
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.known_jobs import KnownJob
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.file_kinds import CONTENTS, STUDY_NAME
from compound.orchestrator.records.documents import (
    BASELINE,
    FAMILY,
    GATE_PLAN,
    PLAN,
    ROUNDS,
    SENSITIVITY,
    SPEC,
    Documents,
    documents,
)
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.missing_texts import (
    lost_document,
    missing_documents,
    missing_files,
    missing_list,
    missing_predictions,
    missing_rows,
    unplanned_jobs,
    whole_study,
)
from compound.orchestrator.wording.numbers import closest, nearest_words
from compound.schemas.errors import StoreError, UnknownError
from compound.schemas.store_uri import bucket_of

if TYPE_CHECKING:
    from compound.jobs.store.checking.findings import Finding
    from compound.jobs.store.checking.losses import JobLoss

_PLANNING = {SPEC, PLAN, BASELINE, ROUNDS, SENSITIVITY, GATE_PLAN, FAMILY}
"""Without one of these it is not known any more which jobs were planned."""


class StudyLosses:
    """What one study lacks, as it is read now. Make it before the tables are read."""

    def __init__(self, store: ArtifactStore, study: str) -> None:
        self._store, self._study, self._losses = store, study, store.losses(study)

    @cached_property
    def _findings(self) -> "list[Finding]":
        return self._losses.documents((SPEC,))

    @cached_property
    def _seen(self) -> dict[str, KnownJob]:
        return self._losses.seen_jobs()

    @property
    def documents(self) -> list[str]:
        """Documents and events that are missing, damaged or another study's."""
        where = self._study, self._store.uri
        return [lost_document(*where, finding) for finding in self._findings]

    def _counting(self, planned: Iterable[str]) -> list[str]:
        """Return the planned jobs; every job that the study has seen, where a plan is gone."""
        names = {finding.key.rpartition("/")[2] for finding in self._findings}
        seen = self._seen if names & _PLANNING else ()
        return list(dict.fromkeys((*planned, *seen)))

    def unplanned(self, planned: Collection[str]) -> list[str]:
        """Say how many jobs the study has trained that no plan names which is left."""
        rest = [job for job in self._counting(planned) if job not in {*planned}]
        return unplanned_jobs(self._study, self._store.uri, rest)

    def jobs(self, planned: Iterable[str]) -> "dict[str, JobLoss]":
        """Return what each job lacks; each one's newest commit is read."""
        return self._losses.jobs(self._counting(planned), self._seen)

    def listed(self, planned: Iterable[str]) -> list[str]:
        """Say which jobs' rows are gone, by listings: done jobs are not opened."""
        ids, listed = self._counting(planned), self._store.study(self._study).sizes()
        states = self._store.standing(self._study, listed, ids, brief=True)
        return missing_rows(self._study, self._store.uri, self.unseen(states))

    def unseen(self, states: Mapping[str, JobState]) -> dict[str, int]:
        """Return how many rows of jobs are gone, by their states."""
        absent = any(state.status == "absent" for state in states.values())
        # In a bucket, events are a request for each driver that there was; `metrics` reads them.
        seen = self._seen if absent and not bucket_of(self._store.uri) else {}
        return {
            job: state.missing or _behind(state, seen.get(job)) for job, state in states.items()
        }

    def rows(
        self, jobs: "Mapping[str, JobLoss]", read: Mapping[str, int] | None = None
    ) -> list[str]:
        """Say how many rows are gone; `read`: of each job, where they have been read."""
        lost = {
            job: loss.lost if read is None else loss.rows - read.get(job, 0)
            for job, loss in jobs.items()
        }
        return missing_rows(self._study, self._store.uri, lost)

    def files(self, jobs: "Mapping[str, JobLoss]") -> list[str]:
        """Say which files of rows and predictions are gone."""
        gone = {job: loss.files for job, loss in jobs.items() if loss.files}
        return missing_files(self._study, self._store.uri, gone)

    def checkpoints(self, jobs: "Mapping[str, JobLoss]") -> list[str]:
        """Say which files of checkpoints are gone."""
        gone = {job: loss.checkpoints for job, loss in jobs.items() if loss.checkpoints}
        return missing_files(self._study, self._store.uri, gone)

    def predictions(
        self,
        jobs: "Mapping[str, JobLoss]",
        tested: Iterable[str],
        read: Collection[tuple[str, str]],
    ) -> list[str]:
        """Say which predictions cannot be read.

        `tested`: the jobs whose weights were evaluated on the test part; `read`: the jobs and parts
        that were read. Jobs that kept no predictions of validation images kept none of the test.
        """
        predicting = [job for job, loss in jobs.items() if loss.predicts]
        expected = [(job, "validation") for job in predicting]
        expected += [(job, "test") for job in tested if job in {*predicting}]
        lost = [f"job {job}: {part}" for job, part in expected if (job, part) not in read]
        return missing_predictions(self._study, self._store.uri, lost)


def _behind(state: JobState, seen: KnownJob | None) -> int:
    if seen is None or state.status != "absent":
        return 0
    return max(seen.rows, seen.epoch)


def lost_parts(store: ArtifactStore, stored: Documents) -> list[str]:
    """Say what a study lacks, before something is made of its documents and rows.

    No answer is made of weights: checkpoints that are gone are the business of `fsck`.
    """
    losses = StudyLosses(store, stored.record.spec.name)
    planned = [job.request.job.id for job in stored.jobs]
    jobs = losses.jobs(planned)
    return [*losses.documents, *losses.unplanned(planned), *losses.rows(jobs), *losses.files(jobs)]


def lost_by_listing(store: ArtifactStore, study: str, listed: Collection[str]) -> list[str]:
    """Say which documents and events of a study are gone, without reading them.

    `listed`: what lies in its folder.
    """
    contents = store.study(study).contents
    if CONTENTS in listed:
        return missing_documents(study, store.uri, contents.read(), listed)
    return [missing_list(study, store.uri)] if contents.was_kept() else []


def study_folder(store: ArtifactStore, study: str) -> StudyFolder | None:
    """Return a study's folder; None: that is no name of one, or a link or a file lies there."""
    if not STUDY_NAME.fullmatch(study):
        return None
    # A bucket has neither, and a listing there takes a request.
    stored = bucket_of(store.uri) or study in store.studies()
    return store.study(study) if stored else None


def lost_study(store: ArtifactStore, study: str) -> StoreError | None:
    """Return the error of a study that was here, and has no spec any more; None: it never was."""
    if not STUDY_NAME.fullmatch(study):
        return None
    texts: list[str] = []
    if study in store.studies(lost=True):
        texts = [whole_study(study, store.uri)]
    elif study in store.studies():
        texts = StudyLosses(store, study).documents
    if not texts:
        return None
    return StoreError(
        f"study '{study}' is damaged: {texts[0].partition('; next: ')[0]}",
        where=store.uri,
        allowed="a study with its spec.json: restore it from a copy, or run the study again",
        next_step=command("fsck", (study,), store=store.uri),
    )


def checkable_jobs(store: ArtifactStore, study: str) -> list[str] | None:
    """Return the planned jobs of a study, none where its plan cannot be read; None: no study.

    A check adds the jobs that the study has seen.
    """
    try:
        stored = documents(store.study(study)) if STUDY_NAME.fullmatch(study) else None
    except StoreError as error:
        if not is_of_the_study(error):
            raise
        return []
    if stored is None:
        return [] if lost_study(store, study) else None
    return [job.request.job.id for job in stored.jobs]


def is_of_the_study(error: StoreError) -> bool:
    """Whether a file of one study is at fault, and not the disk or the bucket under all of them."""
    return isinstance(error, DamagedError) or error.__cause__ is None


def unknown_study(study: str, store: ArtifactStore) -> StoreError:
    """Return the error for a study that a store does not have, or has lost."""
    if lost := lost_study(store, study):
        return lost
    studies = store.studies()
    return UnknownError(
        f"no study is called '{study}'{closest(study, studies)}",
        where=store.uri,
        allowed=", ".join(studies) or "this store has no study yet",
        next_step=_on_the_nearest(study, studies, store.uri),
    )


def _on_the_nearest(study: str, studies: Sequence[str], uri: str) -> str:
    """Return the command on the study whose name is most similar; else the one that begins one."""
    near = [*nearest_words(study, studies), *studies][:1]
    if near:
        return command("status", (near[0],), store=uri)
    return "compound run SPEC    # SPEC: the spec of the study to begin"
