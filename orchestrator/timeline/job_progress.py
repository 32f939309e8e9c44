"""How far the jobs are that train now, from what they have logged and what their driver said."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.wording.network_names import network_names
from compound.schemas.job import Event
from compound.schemas.metrics import ACCURACY, SECONDS, SPEED

if TYPE_CHECKING:
    from compound.orchestrator.timeline.job_standing import StudyStanding


class JobProgress(NamedTuple):
    """A job that trains now. None: not known yet, as before its first epoch has ended."""

    job: str
    label: str
    network: str
    """Its name, the same everywhere; see `network_names`."""
    phase: str
    epoch: int
    """Epochs that have ended, over all attempts."""
    epochs: int
    """Of the whole job."""
    images_per_second: float | None
    """Of the last epoch's training steps, all workers together."""
    accuracy: float | None
    """After the last epoch, of validation images: a fraction of 1."""
    epoch_seconds: float | None
    """What the last epoch took, training and validation."""
    since: float | None
    """When this attempt began, in seconds since 1970, by the clock of its first worker."""
    updated: float | None
    """When the last epoch ended, by the same clock."""
    attempt: int
    worker: str = ""
    """HOST/PID of the first worker."""
    workers: int | None = None


def running_jobs(planned: Sequence[Line], standing: "StudyStanding") -> list[JobProgress]:
    """Return the jobs of a study that train now, in the order of their plan.

    `planned`: every job once, as `job_list.once` returns them; `standing`: see `standing_of`.
    Pure; the time grows with the number of jobs and of events, 10,000 jobs take 10 ms.
    """
    running = [line for line in planned if standing.jobs[line.job].status == "running"]
    begun = _newest_begun(standing.events, {line.job for line in running})
    names = network_names((line.candidate, line.label) for line in planned) if running else {}
    return [
        _progress(line, names[line.candidate], standing.states[line.job], begun.get(line.job))
        for line in running
    ]


def _newest_begun(events: Sequence[Event], jobs: set[str]) -> dict[str, Event]:
    """Return the event with which the newest attempt of each job began."""
    return {event.job: event for event in events if event.kind == "started" and event.job in jobs}


def _progress(line: Line, network: str, state: JobState, begun: Event | None) -> JobProgress:
    if begun and begun.attempt < state.attempt:
        begun = None
    claimed = state.attempts[-1] if state.attempts else None
    return JobProgress(
        job=line.job,
        label=line.label,
        network=network,
        phase=line.phase,
        epoch=state.epoch,
        epochs=line.epochs,
        images_per_second=state.metrics.get(SPEED),
        accuracy=state.metrics.get(ACCURACY),
        epoch_seconds=state.metrics.get(SECONDS),
        since=begun.wall_time if begun else claimed.started if claimed else None,
        updated=state.updated,
        attempt=begun.attempt if begun else state.attempt,
        worker=begun.worker if begun else f"{state.host}/{state.pid}",
        workers=begun.workers if begun else claimed.world_size if claimed else None,
    )
