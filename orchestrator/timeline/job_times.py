"""When the jobs of a phase began and ended, and how long those that are left will take."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.timeline.time_left import Ran, Running, TimeLeft, time_left
from compound.schemas.job import Event
from compound.schemas.metrics import SECONDS


class JobTimes(NamedTuple):
    """A job's newest attempt. Times are in seconds since 1970."""

    cost: float
    """Predicted, of all its epochs; see `costs`."""
    epochs: int
    """That it trains in all."""
    epoch: int = 0
    """Epochs that have ended."""
    began: float | None = None
    """None: it waits."""
    ended: float | None = None
    """None: it has not ended."""
    last_epoch: float | None = None
    """When the newest epoch of this attempt ended."""
    epoch_seconds: float | None = None
    """What that epoch took."""
    whole: bool = True
    """Whether this attempt began with the first epoch."""

    @property
    def left(self) -> float:
        """The cost of the epochs that have not ended."""
        return self.cost * max(0, self.epochs - self.epoch) / max(1, self.epochs)

    @property
    def rate(self) -> float | None:
        """Seconds that a unit of cost took in its newest epoch."""
        return self.epoch_seconds and self.epoch_seconds * self.epochs / self.cost

    def running(self, now: float) -> Running:
        """Return what a job that has begun has still to train."""
        return Running(self.left, now - (self.last_epoch or self.began or now), self.rate)


def costs(lines: Sequence[Line]) -> dict[str, float]:
    """Return the predicted cost of jobs of one phase, each relative to the others.

    Epochs times weights times pixels, to which a convolution's multiplications are proportional;
    without the weights where a line does not know them.
    """
    weighed = all(line.params for line in lines)
    return {
        line.job: float(line.epochs * line.resolution**2 * ((line.params or 1) if weighed else 1))
        for line in lines
    }


def jobs_left(jobs: Iterable[JobTimes], now: float) -> TimeLeft | None:
    """Return the seconds until the last of these jobs ends; None: unknown yet.

    `jobs`: of one phase, in the order in which they start, without those that failed.
    """
    jobs = [*jobs]
    begun = [job for job in jobs if job.began is not None]
    running = [job for job in begun if job.ended is None]
    return time_left(
        _seen(begun),
        [job.running(now) for job in running],
        [job.left for job in jobs if job.began is None and job.ended is None],
        _at_once(begun, now),
    )


def job_times(
    lines: Sequence[Line], events: Iterable[Event], states: Mapping[str, JobState]
) -> list[JobTimes]:
    """Return the times of planned jobs of one phase, from a study's events and its jobs' states.

    Jobs that failed are left out.
    """
    newest = {event.job: event for event in events if event.kind == "started"}
    cost = costs(lines)
    return [
        _times(line, cost[line.job], states[line.job], newest.get(line.job))
        for line in lines
        if states[line.job].status != "failed"
    ]


def _times(line: Line, cost: float, state: JobState, started: Event | None) -> JobTimes:
    times = JobTimes(cost, line.epochs, state.epoch)
    began = started.wall_time if started else None
    if state.status == "done":
        return times._replace(epoch=line.epochs, began=began, ended=state.updated or began)
    if state.status != "running" or started is None or began is None:
        return times
    times = times._replace(began=began, whole=started.attempt <= 1)
    if state.updated is None or state.updated < began:
        return times
    return times._replace(last_epoch=state.updated, epoch_seconds=state.metrics.get(SECONDS))


def _seen(begun: Iterable[JobTimes]) -> list[Ran]:
    """Return what has been trained, oldest first: jobs that ended, or else parts of those that run.

    A part says less: starting a job takes time too, which is none of its epochs'.
    """
    whole = [job for job in begun if job.whole and job.began is not None]
    ended = [job for job in whole if job.ended is not None]
    parts = [
        (end, Ran(job.cost - job.left, end - job.began))
        for job in ended or whole
        if job.began is not None and (end := job.ended or job.last_epoch)
    ]
    return [part for _, part in sorted(parts)]


def _at_once(begun: Sequence[JobTimes], now: float) -> int:
    """Return how many jobs run at once: now, or on average while any ran."""
    spans = sorted(
        (job.began, max(job.began, now if job.ended is None else job.ended))
        for job in begun
        if job.began is not None
    )
    total = sum(end - begin for begin, end in spans)
    covered, until = 0.0, -math.inf
    for begin, end in spans:
        covered += max(0.0, end - max(begin, until))
        until = max(until, end)
    running = sum(job.ended is None for job in begun)
    return max(1, running, round(total / covered) if covered else 1)
