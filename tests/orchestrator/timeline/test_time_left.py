"""The range of the time left holds the truth about as often as it says, and says when it cannot."""

import math
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.timeline.job_times import JobTimes, jobs_left
from compound.orchestrator.timeline.time_left import LEVEL, Ran, Running, TimeLeft, time_left
from compound.orchestrator.wording.numbers import in_range
from compound.schemas.metrics import SECONDS

PUBLISHED = Path("docs/results/cifar10/rows.parquet")
LABEL = re.compile(r"^(phi|gate)?.*?d([\d.]+)-w([\d.]+)-r(\d+)-s\d+(-lr)?")


class Past(NamedTuple):
    """A job that is over: when it began, and when each of its epochs ended."""

    cost: float
    began: float
    epochs: list[float]

    def at(self, now: float) -> JobTimes:
        """Return how it stood at a time."""
        job = JobTimes(self.cost, len(self.epochs))
        if now < self.began:
            return job
        past = [self.began, *(time for time in self.epochs if time <= now)]
        job = job._replace(began=self.began, epoch=len(past) - 1)
        if self.epochs[-1] <= now:
            return job._replace(ended=self.epochs[-1])
        if len(past) == 1:
            return job
        return job._replace(last_epoch=past[-1], epoch_seconds=past[-1] - past[-2])


def replayed(jobs: Sequence[Past], moments: int = 20) -> Iterator[tuple[float, TimeLeft]]:
    """Yield the truth and the range at moments of a phase that is over."""
    jobs = sorted(jobs, key=lambda job: job.began)
    begin, end = jobs[0].began, max(job.epochs[-1] for job in jobs)
    for moment in range(1, moments):
        now = begin + (end - begin) * moment / moments
        if left := jobs_left([job.at(now) for job in jobs], now):
            yield end - now, left


def share_held(phases: Sequence[Sequence[Past]]) -> tuple[float, float]:
    """Return how often the range holds the truth, and the median of its end over its beginning."""
    pairs = [pair for phase in phases for pair in replayed(phase)]
    held = [left.low <= truth <= left.high for truth, left in pairs]
    return sum(held) / len(held), median((left.high + 1) / (left.low + 1) for _, left in pairs)


def recorded() -> list[list[Past]]:
    """Return the phases of the published study: 91 jobs of two workers that ran for hours."""
    rows = pq.read_table(PUBLISHED, filters=[("name", "=", SECONDS)]).to_pylist()
    jobs: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(rows, key=lambda row: row["epoch"]):
        jobs.setdefault(row["label"], []).append((row["wall_time"], row["value"]))
    phases: dict[tuple[str | None, bool], list[Past]] = {}
    for label, times in jobs.items():
        phase, depth, width, size, rate = LABEL.match(label).groups()  # type: ignore[union-attr]
        cost = len(times) * float(depth) * float(width) ** 2 * int(size) ** 2
        past = Past(cost, times[0][0] - times[0][1], [time for time, _ in times])
        phases.setdefault((phase, bool(rate)), []).append(past)
    return [*phases.values()]


def simulated(seed: int, slots: int, noise: float, load: float) -> list[Past]:
    """Return 24 jobs whose times scatter by `noise`, on a machine whose load wanders by `load`."""
    source, free, level, jobs = random.Random(seed), [0.0] * slots, 0.0, []
    for _ in range(24):
        cost = math.exp(source.gauss(0, 0.4))
        level = 0.9 * level + load * math.sqrt(1 - 0.9**2) * source.gauss(0, 1)
        seconds = 100 * cost * math.exp(source.gauss(0, noise) + level)
        slot = free.index(min(free))
        jobs.append(Past(cost, free[slot], [free[slot] + seconds * n / 6 for n in range(1, 7)]))
        free[slot] += seconds
    return jobs


def test_the_range_holds_the_truth_of_a_recorded_study() -> None:
    held, width = share_held(recorded())
    assert held >= LEVEL - 0.05 and width < 2.5


@pytest.mark.parametrize("slots", [1, 4])
@pytest.mark.parametrize("load", [0.0, 0.2])
def test_the_range_holds_the_truth_of_simulated_studies(load: float, slots: int) -> None:
    noises = [0.05, 0.2, 0.4] * 30
    phases = [simulated(seed, slots, noise, load) for seed, noise in enumerate(noises)]
    held, width = share_held(phases)
    assert held >= LEVEL and width < 2.2


def test_there_is_no_range_before_anything_was_trained() -> None:
    assert time_left([], [Running(1.0)], [1.0, 2.0], 1) is None
    assert time_left([], [], [], 1) == TimeLeft(0.0, 0.0)


def test_jobs_at_once_share_the_work() -> None:
    ran = [Ran(1.0, 10.0)] * 20
    alone, beside = (time_left(ran, [], [1.0] * 8, slots) for slots in (1, 4))
    assert alone and beside
    assert alone.low < 80 < alone.high and beside.low < 20 < beside.high


COSTS = st.just(0.0) | st.floats(1e-9, 1e18)
TIMES = st.just(0.0) | st.floats(1e-3, 1e9)


@given(
    st.lists(st.tuples(COSTS, TIMES), max_size=5),
    st.lists(st.tuples(COSTS, st.floats(-1e3, 1e9)), max_size=5),
    st.lists(COSTS, max_size=5),
    st.integers(1, 9),
)
def test_no_input_breaks_the_order_of_a_range(
    ran: list[tuple[float, float]],
    running: list[tuple[float, float]],
    waiting: list[float],
    slots: int,
) -> None:
    parts = [Running(*part) for part in running]
    left = time_left([Ran(*part) for part in ran], parts, waiting, slots)
    assert left is None or 0 <= left.low <= left.high


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 0.4, "under 1 s"),
        (50, 50.2, "about 50 s"),
        (480, 720, "8 to 12 min"),
        (20, 150, "up to 2 min"),
        (3_600, 9_000, "1.0 to 2.5 h"),
        (86_400, 259_200, "1.0 to 3.0 days"),
    ],
)
def test_a_range_has_the_unit_of_its_end(low: float, high: float, text: str) -> None:
    assert in_range(low, high) == text
