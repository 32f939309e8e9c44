"""Where the jobs of a study stand: what they wrote themselves, with what their driver last said.

A job alone cannot say all: while its workers are lost its own files say that it failed, or that it
still trains. So the driver's newest event counts as long as the driver lives.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from compound.cluster.retries import INTERRUPTIONS
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.file_kinds import LEASE
from compound.schemas.job import Event, JobResult

if TYPE_CHECKING:
    from compound.jobs.store.artifacts import ArtifactStore

Status = Literal[
    "queued",
    "waiting",
    "running",
    "retrying",
    "interrupted",
    "stopped",
    "pruned",
    "done",
    "failed",
]
"""`queued`: no attempt has begun, and the job waits for its turn. `waiting`: for workers.
`retrying`: an attempt has failed, and another follows. `interrupted`: whoever trained it was killed
or is gone; `stopped`: on request, with a checkpoint. The next run resumes either."""


_ACTIVE: set[Status] = {"running", "waiting", "retrying"}
"""Of a job behind which others wait for their turn."""


class Standing(NamedTuple):
    """Where a job stands."""

    status: Status
    since: float | None = None
    """Of a job that waits or is tried again: since when, in seconds since 1970."""
    message: str = ""
    """What it waits for."""


class StudyStanding(NamedTuple):
    """Where the jobs of a study stand at a moment."""

    states: Mapping[str, JobState]
    """What the jobs wrote themselves, without failures of jobs that go on."""
    jobs: Mapping[str, Standing]
    events: Sequence[Event]
    """That were needed for it: none of a study whose jobs are all done."""


def driver_of(folder: StudyFolder, listed: Iterable[str] | None = None) -> str:
    """Return the process that runs a study now, as events name it; empty where none does.

    `listed`: the names in its folder, where they are known. In a bucket this lists them else.
    """
    if listed is not None and not any(name.startswith(LEASE) for name in listed):
        return ""
    notes = [note for note in folder.drivers() if {"host", "pid"} <= note.keys()]
    return f"{notes[0]['host']}/{notes[0]['pid']}" if notes else ""


def standings(
    states: Mapping[str, JobState], events: Sequence[Event], driver: str
) -> dict[str, Standing]:
    """Return where jobs stand.

    `events`: of the study, in their order; `driver`: who runs it now, empty for nobody.
    """
    by_job: dict[str, list[Event]] = {}
    for event in events:
        if event.kind != "epoch":
            by_job.setdefault(event.job, []).append(event)
    standing = {job: _standing(s, by_job.get(job, []), driver) for job, s in states.items()}
    announced = {job for job, value in standing.items() if _only_announced(value, by_job.get(job))}
    active = {job for job, value in standing.items() if value.status in _ACTIVE} - announced
    return {
        job: Standing("queued") if active and job in announced else value
        for job, value in standing.items()
    }


def standing_of(folder: StudyFolder, states: Mapping[str, JobState]) -> StudyStanding:
    """Return where a study's jobs stand now."""
    unfinished = [state for state in states.values() if _settled(state) is None]
    driver = driver_of(folder) if unfinished else ""
    begun = any(state.status != "absent" for state in unfinished)
    events = folder.events() if begun or driver else []
    standing = standings(states, events, driver)
    going_on = {job: _as_it_stands(state, standing[job]) for job, state in states.items()}
    return StudyStanding(going_on, standing, events)


def ended_results(
    store: "ArtifactStore", study: str, job_ids: Iterable[str]
) -> dict[str, JobResult]:
    """Return how a study's jobs ended, without failures of jobs that go on."""
    results = store.results(job_ids)
    failed = [job for job, result in results.items() if result.status == "failed"]
    standing = standing_of(store.study(study), store.states(failed)).jobs if failed else {}
    going_on = {job for job, value in standing.items() if value.status != "failed"}
    return {job: result for job, result in results.items() if job not in going_on}


def _as_it_stands(state: JobState, standing: Standing) -> JobState:
    """Return a state without its failure where the job goes on."""
    if state.status != "failed" or standing.status == "failed":
        return state
    return state.model_copy(update={"status": "stopped", "cause": None})


def _settled(state: JobState) -> Standing | None:
    if state.status == "stopped" and state.cause and state.cause.kind == "pruned":
        return Standing("pruned")
    return Standing("done") if state.status == "done" else None


def _standing(state: JobState, events: Sequence[Event], driver: str) -> Standing:
    last = events[-1] if events else None
    settled = _settled(state)
    if settled or last is None:
        return settled or _at_rest(state)
    if last.kind == "ended":
        return Standing("stopped") if _was_stopped(state, last) else _at_rest(state)
    if not driver or last.driver != driver:
        goes_on = last.kind != "again" and last.attempt >= state.attempt and _is_cut_off(state)
        return Standing("interrupted") if goes_on else _at_rest(state)
    if state.status == "running" and state.attempt > last.attempt:
        return Standing("running")
    if last.kind == "started":
        return _begun(state, last)
    waits = [*takewhile(lambda event: event.kind == last.kind, reversed(events))]
    since = [event.wall_time for event in waits if event.driver == driver][-1]
    return Standing("retrying" if last.kind == "again" else "waiting", since, last.message)


def _was_stopped(state: JobState, ended: Event) -> bool:
    """Whether a job was stopped on request, also where its own files say less: workers that were
    lost before may have written that they failed, or live on where nobody reaches them."""
    if ended.result is None or ended.result.status != "stopped" or state.attempt > ended.attempt:
        return False
    return state.status == "running" or _is_cut_off(state)


def _begun(state: JobState, started: Event) -> Standing:
    """Return where a job stands whose driver takes it as training."""
    if state.status == "running" or state.attempt < started.attempt:
        return Standing("running")  # else the new attempt has not committed anything yet
    return Standing("interrupted") if _is_cut_off(state) else _at_rest(state)


def _at_rest(state: JobState) -> Standing:
    """Return where a job stands by what it wrote itself."""
    if state.status == "absent":
        return Standing("queued")
    if state.status == "stopped" and state.cause is None:
        return Standing("interrupted")
    return Standing(state.status)


def _is_cut_off(state: JobState) -> bool:
    """Whether the last attempt ended without a word, or by a lost worker: a job goes on then."""
    if state.cause is None:
        return state.status == "stopped"
    return state.status == "failed" and state.cause.kind in INTERRUPTIONS


def _only_announced(standing: Standing, events: Sequence[Event] | None) -> bool:
    """Whether a job waits as every one does when its phase begins."""
    if standing.status != "waiting" or not events or events[-1].attempt:
        return False
    *_, last = events
    return not any(e.kind == "waiting" and e.driver == last.driver for e in events[-2:-1])
