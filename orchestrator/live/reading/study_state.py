"""Where a study stands, as `compound status` says it: read from the store, once for all pages."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.analyse.failed_jobs import Group
from compound.orchestrator.answer.newest_answer import newest_answer
from compound.orchestrator.answer.so_far import Work
from compound.orchestrator.losses.study_losses import StudyLosses
from compound.orchestrator.overview.next_steps import failed_groups, next_steps
from compound.orchestrator.overview.study_status import StudyStatus
from compound.orchestrator.timeline.job_standing import Standing, driver_of, standing_of
from compound.orchestrator.wording.missing_texts import missing_rows
from compound.schemas.answer import Answer
from compound.schemas.job import Event

_ENDED = {"done", "failed", "pruned"}
_UNREAD = {"report.html", "lease.json"}
"""Files of a study's folder that no page is made from."""


@dataclass(frozen=True)
class StudyState:
    """One study at one moment."""

    name: str
    store: str
    status: StudyStatus
    states: Mapping[str, JobState]
    standing: Mapping[str, Standing]
    events: Sequence[Event]
    """That were needed to know where its jobs stand: none where all are done."""
    groups: Sequence[Group]
    """Failed jobs by first cause."""
    answer: Answer | None
    work: Work
    waiting: str
    """What its driver waits for, as a sentence; "" while it trains."""
    driver: str
    """Who runs it now: host/process; "" for nobody."""
    steps: Sequence[str]
    """The commands that take it further."""
    missing: Sequence[str]
    """What the study has committed and its store has no more, a text each."""
    files: Mapping[str, int]
    """The sizes of the files that it was read from."""
    revision: str
    """16 hex digits; another whenever anything of the above may be another."""

    @property
    def planned(self) -> Sequence[Line]:
        """Its planned jobs, each once."""
        return self.status.planned

    @property
    def counts(self) -> dict[str, int]:
        """How many of its jobs stand how."""
        return dict(Counter(standing.status for standing in self.standing.values()))

    @property
    def running(self) -> list[str]:
        """The jobs that train now."""
        return [job for job, standing in self.standing.items() if standing.status == "running"]

    @property
    def at_rest(self) -> bool:
        """Whether nobody runs it, so that it changes only where its files do."""
        return not self.driver and "running" not in self.counts


def read_state(store: ArtifactStore, name: str, before: StudyState | None) -> StudyState:
    """Read where a study stands; `before` is returned where nothing of it has changed.

    StoreError: there is no such study, or one of its documents is damaged or of a newer schema.
    """
    folder = store.study(name)
    files = {file: size for file, size in folder.sizes().items() if file not in _UNREAD}
    if before and before.at_rest and before.files == files and not driver_of(folder):
        return before
    status = StudyStatus.of(store, name)
    stored = store.standing(name, status.listed, [line.job for line in status.planned], brief=True)
    states, standing, events = standing_of(folder, stored)
    groups = failed_groups(status.planned, states)
    answer = newest_answer(store, name, status.answer, status.listed)
    work = status.work(states, answer)
    rows = StudyLosses(store, name).unseen(states)
    open_jobs = {value.status for value in standing.values()} - _ENDED
    driver = driver_of(folder)
    return StudyState(
        name=name,
        store=store.uri,
        status=status,
        states=states,
        standing=standing,
        events=events,
        groups=groups,
        answer=answer and answer.model_copy(update={"so_far": work.text}),
        work=work,
        waiting=store.reservations(name).waiting() if open_jobs else "",
        driver=driver,
        steps=next_steps(name, store, status, groups, work),
        missing=[*missing_rows(name, store.uri, rows), *status.missing],
        files=files,
        revision=_revision(files, states, standing, driver),
    )


def _revision(
    files: Mapping[str, int],
    states: Mapping[str, JobState],
    standing: Mapping[str, Standing],
    driver: str,
) -> str:
    # Done jobs are told by the list of files: the table of them has its hash in its name.
    open_jobs = [
        (job, *value, states[job].epoch, states[job].attempt, states[job].missing)
        for job, value in standing.items()
        if value.status != "done"
    ]
    text = repr((sorted(files.items()), driver, open_jobs, len(standing)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
