"""A study as it stands at a moment: what its jobs do, how long it still takes, what it answers."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.orchestrator.answer.so_far import Work
from compound.orchestrator.forecast.budget_check import spent_short
from compound.orchestrator.overview.stage_progress import stage_left, stage_lines
from compound.orchestrator.overview.study_status import StudyStatus, best_accuracy
from compound.orchestrator.records.documents import ALONG, BASELINE, VERDICT, documents
from compound.orchestrator.timeline.job_progress import JobProgress, running_jobs
from compound.orchestrator.timeline.job_standing import Standing, driver_of, standing_of
from compound.orchestrator.timeline.study_progress import StudyProgress
from compound.orchestrator.timeline.time_left import TimeLeft
from compound.schemas.answer import Answer
from compound.schemas.job import Event

_ENDED = {"done", "failed", "pruned"}
_WAITING = {"queued", "waiting", "retrying"}


class StudyNow(NamedTuple):
    """What a store knows of a study at a moment."""

    status: StudyStatus
    answer: Answer | None
    work: Work
    states: Mapping[str, JobState]
    standing: Mapping[str, Standing]
    events: Sequence[Event]
    """That were needed: see StudyStanding."""
    running: list[JobProgress]
    driver: str
    """HOST/PID of the process that runs it; empty where none does."""
    waiting: str
    """What its driver waits for, as a sentence; empty where it does not."""
    left: TimeLeft | None
    """Until the last job of its stage ends; None: nobody runs it, or it is unknown yet."""

    @property
    def counts(self) -> Counter[str]:
        """How many jobs stand where."""
        return Counter[str](stands.status for stands in self.standing.values())

    @property
    def progress(self) -> StudyProgress:
        """How far its open stage is; all of its jobs where none is open."""
        status, stage = self.status, self.work.open
        jobs = [line.job for line in stage_lines(status.spec, status.planned, stage)]
        words = Counter[str](self.standing[job].status for job in jobs)
        return StudyProgress(
            stage or status.spec.name,
            len(jobs),
            words["done"] + words["pruned"],
            words["failed"],
            self.running,
            sum(words[word] for word in _WAITING),
            self.waiting,
            best_accuracy(self.states.values()),
            self.left,
            spent_short(status.spent),
        )


def study_now(store: ArtifactStore, name: str, *, brief: bool = True) -> StudyNow:
    """Read a study as it stands. StoreError: there is none of that name.

    `brief`: done jobs without the writers of their attempts, which takes a tenth of the time.
    """
    status = StudyStatus.of(store, name)
    folder, jobs = store.study(name), [line.job for line in status.planned]
    standing = standing_of(folder, store.standing(name, status.listed, jobs, brief=brief))
    states, at, events = standing
    answer = _answer(store, name, status)
    work = status.work(states, answer)
    going_on = {stands.status for stands in at.values()} - _ENDED
    driver = driver_of(folder, status.listed)
    return StudyNow(
        status=status,
        answer=answer and answer.model_copy(update={"so_far": work.text}),
        work=work,
        states=states,
        standing=at,
        events=events,
        running=running_jobs(status.planned, standing) if going_on else [],
        driver=driver,
        waiting=store.reservations(name).waiting() if going_on else "",
        left=_left(status, work, states, events) if driver and going_on else None,
    )


def _left(
    status: StudyStatus, work: Work, states: Mapping[str, JobState], events: Sequence[Event]
) -> TimeLeft | None:
    lines = stage_lines(status.spec, status.planned, work.open)
    return stage_left(lines, states, events, time.time())


def _answer(store: ArtifactStore, name: str, status: StudyStatus) -> Answer | None:
    """Return a study's answer; made where there is none, or one that was picked by another rule."""
    written = status.answer
    older = written and not written.is_current(compared=ALONG in status.listed)
    if not older and (written or not {VERDICT, BASELINE} & {*status.listed}):
        return written
    from compound.orchestrator.answer.stored_answer import made_answer  # statistics, which take 1 s

    return made_answer(store, read) if (read := documents(store.study(name))) else written
