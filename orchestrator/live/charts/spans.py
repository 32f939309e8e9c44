"""What each worker did when, for the timeline: lanes of spans that do not overlap."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from compound.orchestrator.timeline.intervals import Doing, Interval

NO_WORKER = ""
"""The lane of jobs that have no worker: they wait for their first."""


class Span(NamedTuple):
    """What a worker did for a job, in seconds since 1970."""

    lane: str
    """HOST/PID of the worker, or of the last one that the job had."""
    doing: Doing
    begin: float
    end: float
    job: str
    label: str
    message: str = ""
    workers: int = 0
    """That the job holds meanwhile; 0 where it does not train."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


class LaneUse(NamedTuple):
    """How a worker spent its time, from its first job to its last, in seconds."""

    lane: str
    jobs: int
    training: float
    retrying: float
    """Between a failed attempt and the next."""
    idle: float
    begin: float
    end: float


def spans(
    intervals: Iterable[Interval],
    labels: Mapping[str, str],
    running: Collection[str] = (),
    now: float | None = None,
) -> list[Span]:
    """Return what workers did, in the order of time.

    `running`: jobs that train now, whose last interval is extended to `now`. A pause of a job lies
    in the lane of the worker that it had last.
    """
    drawn: list[Span] = []
    for of_job in _by_job(intervals).values():
        lane = NO_WORKER
        for interval in of_job:
            lane = interval.worker or lane
            drawn.append(_span(interval, lane, labels.get(interval.job, interval.job)))
        if of_job[-1].job in running and now is not None and drawn[-1].doing == "training":
            drawn[-1] = drawn[-1]._replace(end=max(drawn[-1].end, now))
    return sorted(drawn, key=lambda span: (span.begin, span.end))


def lane_uses(drawn: Iterable[Span]) -> list[LaneUse]:
    """Return how each worker spent its time; jobs without a worker are left out."""
    return [_use(lane, of_lane) for lane, of_lane in lanes(drawn).items() if lane != NO_WORKER]


def lanes(drawn: Iterable[Span]) -> dict[str, list[Span]]:
    """Return the spans by lane, in the order of names."""
    by_lane: dict[str, list[Span]] = {}
    for span in drawn:
        by_lane.setdefault(span.lane, []).append(span)
    return dict(sorted(by_lane.items(), key=lambda item: _order(item[0])))


def together(of_lane: Sequence[Span], least: float) -> list[Span]:
    """Join spans of a lane that do the same and follow each other, to at most so many seconds.

    A screen cannot show shorter ones apart: joined ones have the label `3 jobs`.
    """
    joined: list[Span] = []
    counts: list[int] = []
    for span in of_lane:
        before = joined[-1] if joined else None
        if before and before.doing == span.doing and span.end - before.begin < least:
            counts[-1] += 1
            end = max(before.end, span.end)
            joined[-1] = before._replace(end=end, label=f"{counts[-1]} jobs", message="")
        else:
            joined.append(span)
            counts.append(1)
    return joined


def _by_job(intervals: Iterable[Interval]) -> dict[str, list[Interval]]:
    by_job: dict[str, list[Interval]] = {}
    for interval in intervals:
        by_job.setdefault(interval.job, []).append(interval)
    return by_job


def _span(interval: Interval, lane: str, label: str) -> Span:
    return Span(
        lane,
        interval.doing,
        interval.begin,
        interval.end,
        interval.job,
        label,
        interval.message,
        interval.workers,
    )


def _use(lane: str, of_lane: Sequence[Span]) -> LaneUse:
    begin, end = min(s.begin for s in of_lane), max(s.end for s in of_lane)
    training = sum(s.seconds for s in of_lane if s.doing == "training")
    retrying = sum(s.seconds for s in of_lane if s.doing == "retrying")
    jobs = len({s.job for s in of_lane if s.doing == "training"})
    idle = max(0.0, end - begin - training - retrying)
    return LaneUse(lane, jobs, training, retrying, idle, begin, end)


def _order(lane: str) -> tuple[bool, str, int, str]:
    """Order workers by host, then process; jobs without a worker come first."""
    host, _, process = lane.rpartition("/")
    return (lane != NO_WORKER, host, int(process) if process.isdecimal() else 0, process)
