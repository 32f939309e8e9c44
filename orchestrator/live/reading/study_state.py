"""A study as all of its pages show it: read from the store once, as `compound status` reads it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.analyse.failed_jobs import Group
from compound.orchestrator.answer.so_far import Work
from compound.orchestrator.live.listing.page_tables import family_table, jobs_table
from compound.orchestrator.live.reading.file_marks import FileMarks, file_marks
from compound.orchestrator.losses.study_losses import StudyLosses
from compound.orchestrator.overview.next_steps import failed_groups, next_steps
from compound.orchestrator.overview.study_list import state_of
from compound.orchestrator.overview.study_now import StudyNow, study_now
from compound.orchestrator.overview.study_status import StudyStatus
from compound.orchestrator.timeline.job_standing import Standing, driver_of
from compound.orchestrator.wording.missing_texts import missing_rows
from compound.schemas.answer import Answer
from compound.schemas.job import Event


@dataclass(frozen=True)
class StudyState:
    """One study at one moment."""

    name: str
    store: str
    now: StudyNow
    groups: Sequence[Group]
    """Failed jobs by first cause."""
    steps: Sequence[str]
    """The commands that take it further."""
    missing: Sequence[str]
    """What the study has committed and its store has no more, a text each."""
    files: FileMarks
    """The files that it was read from."""
    revision: str
    """16 hex digits; another whenever anything of the above may be another."""

    @property
    def status(self) -> StudyStatus:
        """What its documents say."""
        return self.now.status

    @property
    def planned(self) -> Sequence[Line]:
        """Its planned jobs, each once."""
        return self.now.status.planned

    @property
    def states(self) -> Mapping[str, JobState]:
        """What its jobs wrote themselves."""
        return self.now.states

    @property
    def standing(self) -> Mapping[str, Standing]:
        """Where its jobs stand."""
        return self.now.standing

    @property
    def events(self) -> Sequence[Event]:
        """That were needed to know where its jobs stand: none where all are done."""
        return self.now.events

    @property
    def answer(self) -> Answer | None:
        """None: nothing can be answered yet."""
        return self.now.answer

    @property
    def work(self) -> Work:
        """What is done of what."""
        return self.now.work

    @property
    def waiting(self) -> str:
        """What its driver waits for, as a sentence; "" while it trains."""
        return self.now.waiting

    @property
    def driver(self) -> str:
        """Who runs it now: host/process; "" for nobody."""
        return self.now.driver

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many of its jobs stand how."""
        return dict(self.now.counts)

    @property
    def word(self) -> str:
        """Its state in the word of `compound list`."""
        return state_of(
            driven=bool(self.driver),
            waits=bool(self.waiting),
            failed=bool(self.counts.get("failed")),
            left=not self.planned or bool(self.work.text),
        )

    @cached_property
    def running(self) -> list[str]:
        """The jobs that train now."""
        return [job for job, standing in self.standing.items() if standing.status == "running"]

    @cached_property
    def jobs_table(self) -> pa.Table:
        """Where every job stands: the table of its page."""
        return jobs_table(self)

    @cached_property
    def family_table(self) -> pa.Table:
        """The networks of its answer."""
        return family_table(self.answer)

    @property
    def at_rest(self) -> bool:
        """Whether nobody runs it, so that it changes only where its files do."""
        return not self.driver and not self.running


def read_state(store: ArtifactStore, name: str, before: StudyState | None) -> StudyState:
    """Read where a study stands; `before` is returned where nothing of it has changed.

    StoreError: there is no such study, or one of its documents is damaged or of a newer schema.
    """
    folder = store.study(name)
    files = file_marks(folder)
    if before and before.at_rest and before.files == files and not driver_of(folder):
        return before
    now = study_now(store, name)
    groups = failed_groups(now.status.planned, now.states)
    rows = StudyLosses(store, name).unseen(now.states)
    revision = _revision(files, now)
    if before and before.revision == revision:
        return before
    return StudyState(
        name=name,
        store=store.uri,
        now=now,
        groups=groups,
        steps=next_steps(name, store, now, groups),
        missing=[*missing_rows(name, store.uri, rows), *now.status.missing],
        files=files,
        revision=revision,
    )


def _revision(files: FileMarks, now: StudyNow) -> str:
    # Done jobs are told by the list of files: the table of them has its hash in its name.
    open_jobs = [
        (job, *value, state.epoch, state.attempt, state.missing, state.updated)
        for job, value in now.standing.items()
        if value.status != "done"
        for state in (now.states[job],)
    ]
    text = repr((sorted(files.items()), now.driver, now.waiting, now.status.spent, open_jobs))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
