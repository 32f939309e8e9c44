"""Events as intervals: nothing is missing, and nothing is counted twice."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.timeline.intervals import (
    clock_difference,
    intervals,
    unended,
)
from compound.schemas.job import Event

JOBS = ("a", "b")


def event(kind: str, at: float | None, **fields: object) -> Event:
    return Event.model_validate({"kind": kind, "job": "a", "wall_time": at, **fields})


EVENTS = st.builds(
    Event,
    kind=st.sampled_from(["waiting", "started", "epoch", "again", "ended"]),
    job=st.sampled_from(JOBS),
    wall_time=st.none() | st.integers(0, 40).map(float),
    attempt=st.integers(0, 2),
    workers=st.none() | st.integers(1, 4),
    driver=st.sampled_from(["h/1", "h/2"]),
)
SEEN = st.dictionaries(
    st.tuples(st.sampled_from(JOBS), st.integers(0, 2)), st.integers(0, 60).map(float)
)


@given(st.lists(EVENTS, max_size=12), SEEN)
def test_a_jobs_intervals_follow_each_other_from_its_first_event_to_its_last(
    events: list[Event], seen: dict[tuple[str, int], float]
) -> None:
    found = intervals(events, seen)
    for job in JOBS:
        times = [e.wall_time for e in events if e.job == job and e.kind != "epoch" and e.wall_time]
        of_job = [interval for interval in found if interval.job == job]
        assert all(interval.end > interval.begin for interval in of_job)
        assert all(one.end == two.begin for one, two in pairwise(of_job))
        if not of_job:
            continue
        first, last = of_job[0].begin, of_job[-1].end
        assert last >= max(times)
        assert last == max(times) or last in seen.values()
        assert sum(i.end - i.begin for i in of_job) == last - first
    assert all((i.workers > 0) == (i.doing == "training") for i in found)
    ordered = [*events] == sorted(events, key=lambda e: e.wall_time or 0.0)
    assert not ordered or clock_difference(events) == 0


def test_a_job_that_waits_loses_a_worker_and_is_tried_again() -> None:
    told = [
        event("waiting", 0, driver="h/1", message="for 2 x 1 CPU to start"),
        event("waiting", 60, driver="h/1", message="for 2 x 1 CPU: the hosts have room for 1"),
        event("started", 90, driver="h/1", attempt=1, workers=2, host="a", worker="a/7"),
        event("waiting", 190, driver="h/1", attempt=1, message="host b was lost"),
        event("started", 200, driver="h/1", attempt=2, workers=1, host="a", worker="a/8"),
        event("again", 300, driver="h/1", attempt=2, host="a", worker="a/8"),
        event("started", 310, driver="h/1", attempt=3, workers=1, host="a", worker="a/8"),
        event("ended", 400, driver="h/1", attempt=3, host="a", worker="a/8"),
        event("started", 1000, driver="h/2", attempt=4, workers=1, host="c", worker="c/9"),
    ]
    found = intervals(told, {("a", 4): 1030.0})
    assert [(i.doing, i.begin, i.end, i.workers, i.worker) for i in found] == [
        ("waiting", 0, 90, 0, ""),
        ("training", 90, 190, 2, "a/7"),
        ("waiting", 190, 200, 0, ""),
        ("training", 200, 300, 1, "a/8"),
        ("retrying", 300, 310, 0, ""),
        ("training", 310, 400, 1, "a/8"),
        ("stopped", 400, 1000, 0, ""),
        ("training", 1000, 1030, 1, "c/9"),
    ]
    assert found[0].message == "for 2 x 1 CPU: the hosts have room for 1"
    assert sum((i.end - i.begin) * i.workers for i in found) == 2 * 100 + 100 + 90 + 30


@pytest.mark.parametrize(("seen", "trained"), [({}, 0), ({("a", 1): 70.0}, 60)])
def test_after_a_killed_driver_training_ends_with_the_last_epoch(
    seen: dict[tuple[str, int], float], trained: float
) -> None:
    told = [event("started", 10, driver="h/1", attempt=1), event("waiting", 900, driver="h/2")]
    assert unended(told) == {"a"}
    found = intervals(told, seen)
    by_doing = {interval.doing: interval.end - interval.begin for interval in found}
    assert by_doing.get("training", 0) == trained
    assert by_doing["interrupted"] == 890 - trained


def test_a_clock_that_is_behind_gives_no_negative_time() -> None:
    told = [event("started", 100, attempt=1), event("ended", 97.5), event("started", 110)]
    assert clock_difference(told) == 2.5
    assert [(i.begin, i.end) for i in intervals(told)] == [(100, 110)]
