"""A study's events as intervals: when each job waited, trained and was tried again, and where."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

from compound.schemas.job import Event

Doing = Literal["waiting", "training", "retrying", "interrupted", "stopped"]
"""`retrying`: an attempt has failed, the next has not begun. `interrupted`: from the last sign of a
driver that was killed to the next driver. `stopped`: from the end of a job to its next run."""

_DOING: Mapping[str, Doing] = {
    "waiting": "waiting",
    "started": "training",
    "again": "retrying",
    "ended": "stopped",
}
Seen = Mapping[tuple[str, int], float]
"""When an attempt logged its last epoch, by job and attempt, in seconds since 1970."""


class Interval(NamedTuple):
    """What a job did from `begin` to `end`, in seconds since 1970."""

    job: str
    attempt: int
    doing: Doing
    begin: float
    end: float
    message: str
    host: str = ""
    """Of the first worker; empty where the job does not train, as `worker`."""
    worker: str = ""
    workers: int = 0
    """That the job holds: 0 where it does not train."""


def intervals(events: Iterable[Event], seen: Seen | None = None) -> list[Interval]:
    """Return what each job did, without gaps or overlaps, from its first event to its last.

    A job that has not ended is taken as training up to the last epoch in `seen`. Where the clocks
    of two hosts disagree an interval begins where the one before it ended: see `clock_difference`.
    Events without a time, as older versions wrote them, are left out.
    """
    return [
        interval
        for of_job in by_job(events).values()
        for interval in _joined(_intervals(of_job, seen or {}))
    ]


def clock_difference(events: Iterable[Event]) -> float:
    """Return the largest step back in time between two events of a job, in seconds."""
    times = [[event.wall_time or 0.0 for event in of_job] for of_job in by_job(events).values()]
    steps = (before - after for of_job in times for before, after in pairwise(of_job))
    return max((0.0, *steps))


def unended(events: Iterable[Event]) -> set[str]:
    """Return the jobs with an attempt whose end no event tells: its driver was killed, or runs."""
    return {
        job
        for job, of_job in by_job(events).items()
        for event, following in zip(of_job, [*of_job[1:], None], strict=True)
        if event.kind == "started" and (following is None or event.driver != following.driver)
    }


def by_job(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Return the events with a time by their jobs, without epochs."""
    jobs: dict[str, list[Event]] = {}
    for event in events:
        if event.wall_time is not None and event.kind in _DOING:
            jobs.setdefault(event.job, []).append(event)
    return jobs


def _intervals(events: list[Event], seen: Seen) -> Iterable[Interval]:
    """Yield the intervals between the events of one job."""
    clock = events[0].wall_time or 0.0
    for event, following in pairwise(events):
        end = max(clock, following.wall_time or 0.0)
        if event.kind == "ended" or event.driver == following.driver:
            yield _interval(event, clock, end)
        else:
            last = min(max(clock, _last_sign(event, seen)), end)
            yield _interval(event, clock, last)
            yield _interval(event, last, end)._replace(
                doing="interrupted", host="", worker="", workers=0
            )
        clock = end
    yield _interval(events[-1], clock, max(clock, _last_sign(events[-1], seen)))


def _last_sign(event: Event, seen: Seen) -> float:
    """Return when an attempt was seen last; 0 for a job that does not train."""
    return seen.get((event.job, event.attempt), 0.0) if event.kind == "started" else 0.0


def _interval(event: Event, begin: float, end: float) -> Interval:
    trains = event.kind == "started"
    return Interval(
        job=event.job,
        attempt=event.attempt,
        doing=_DOING[event.kind],
        begin=begin,
        end=end,
        message=event.message,
        host=event.host if trains else "",
        worker=event.worker if trains else "",
        workers=(event.workers or 1) if trains else 0,
    )


def _joined(parts: Iterable[Interval]) -> list[Interval]:
    """Join waits that follow each other, and leave out what took no time."""
    joined: list[Interval] = []
    for part in parts:
        before = joined[-1] if joined else None
        if before and before.doing == part.doing == "waiting" and before.attempt == part.attempt:
            joined[-1] = part._replace(begin=before.begin)
        elif part.end > part.begin:
            joined.append(part)
    return joined
