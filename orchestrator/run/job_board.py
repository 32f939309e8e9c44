"""Where the jobs of one phase stand, kept up by their events."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.timeline.job_progress import JobProgress
from compound.orchestrator.timeline.job_times import JobTimes, costs, jobs_left
from compound.orchestrator.timeline.time_left import TimeLeft
from compound.orchestrator.wording.network_names import label_in
from compound.schemas.job import EpochRow, Event, JobRequest, JobResult
from compound.schemas.metrics import ACCURACY, SECONDS, SPEED

_FRESH_S = 5.0
"""Seconds for which a time left is kept: of ten thousand jobs it takes some hundredths of one."""


class JobBoard:
    """The jobs that a phase has yet to train."""

    def __init__(self, requests: Iterable[JobRequest], planned: Iterable[Line]) -> None:
        """`planned`: of the whole study; jobs that are not in it count as equal in cost."""
        self._requests = {request.job.id: request for request in requests}
        lines = [line for line in planned if line.job in self._requests]
        cost = costs(list({line.job: line for line in lines}.values()))
        self._times = {
            job: JobTimes(cost.get(job, 1.0), request.job.recipe.epochs)
            for job, request in self._requests.items()
        }
        self._running: dict[str, JobProgress] = {}
        self._waits: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        self._ended = Counter[str]()
        self._left: tuple[float, TimeLeft | None] = (-math.inf, None)
        self.best: float | None = None

    @property
    def done(self) -> int:
        """Jobs that are done."""
        return self._ended["done"]

    @property
    def failed(self) -> int:
        """Jobs that have failed for good."""
        return self._ended["failed"]

    @property
    def begun(self) -> int:
        """Jobs that train, or have ended."""
        return len(self._ends) + len(self._running)

    @property
    def complete(self) -> bool:
        """Whether every job is done or has failed for good."""
        return self.done + self.failed == len(self._requests)

    @property
    def why(self) -> str:
        """What the first job that waits waits for; "" for its turn."""
        waiting = (self._waits[job] for job in self._requests if job in self._waits)
        return next(waiting, "")

    def running(self) -> Sequence[JobProgress]:
        """Return the jobs that train now, in the order in which they began."""
        return [*self._running.values()]

    def left(self, now: float) -> TimeLeft | None:
        """Return the seconds until the last job ends, some seconds old; None: unknown yet."""
        if now - self._left[0] > _FRESH_S:
            times = (t for job, t in self._times.items() if self._ends.get(job) != "failed")
            self._left = (now, jobs_left(times, now))
        return self._left[1]

    def take(self, event: Event) -> None:
        """Take an event of a runner."""
        if event.job not in self._requests:
            return
        if event.kind == "epoch" and event.row is not None:
            self._epoch(event.job, event.row)
        elif event.kind == "started":
            self._start(event)
        else:
            self._pause(event)

    def _start(self, event: Event) -> None:
        job, request = event.job, self._requests[event.job]
        self._waits.pop(job, None)
        if job in self._ends:
            self._ended[self._ends.pop(job)] -= 1
        times = self._times[job]
        whole = event.attempt <= 1 and not request.continues
        self._times[job] = times._replace(began=event.wall_time, ended=None, whole=whole)
        self._running[job] = JobProgress(
            job=job,
            label=event.label or job,
            network=label_in(event.label),
            phase="",
            epoch=times.epoch,
            epochs=times.epochs,
            images_per_second=None,
            accuracy=None,
            epoch_seconds=None,
            since=event.wall_time,
            updated=None,
            attempt=event.attempt,
            worker=event.worker,
            workers=event.workers,
        )

    def _epoch(self, job: str, row: EpochRow) -> None:
        seconds, accuracy = row.metrics.get(SECONDS), row.metrics.get(ACCURACY)
        self._times[job] = self._times[job]._replace(
            epoch=row.epoch, last_epoch=row.wall_time, epoch_seconds=seconds
        )
        if job in self._running:
            self._running[job] = self._running[job]._replace(
                epoch=row.epoch,
                images_per_second=row.metrics.get(SPEED),
                accuracy=accuracy,
                epoch_seconds=seconds,
                updated=row.wall_time,
            )

    def _pause(self, event: Event) -> None:
        """Take a job that trains no more: it waits, is tried again, or has ended."""
        job, result = event.job, event.result
        self._running.pop(job, None)
        if event.kind == "ended" and result is not None:
            if result.attempt:
                self._end(event, result)
            return
        self._times[job] = self._times[job]._replace(began=None, last_epoch=None)
        if event.kind == "waiting":
            self._waits[job] = event.message

    def _end(self, event: Event, result: JobResult) -> None:
        job, times = event.job, self._times[event.job]._replace(epoch=result.epochs)
        self._waits.pop(job, None)
        self._ended[result.status] += 1
        if job in self._ends:
            self._ended[self._ends[job]] -= 1
        self._ends[job] = result.status
        if result.status != "done":
            self._times[job] = times._replace(began=None, last_epoch=None)
            return
        self._times[job] = times._replace(ended=event.wall_time)
        self.best = higher(self.best, result.metrics.get(ACCURACY))


def higher(first: float | None, second: float | None) -> float | None:
    """Return the higher of two accuracies; an accuracy of 0 is one too."""
    return max((value for value in (first, second) if value is not None), default=None)
