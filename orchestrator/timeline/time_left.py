"""The time that jobs will still take, as a range, from how long others took.

A job's seconds are its predicted cost times a rate that all jobs of a phase share, times an error
of its own. The logarithms of the rates that were seen give the mean rate and its doubt. Half of the
variance between jobs is taken as common to those that are left, which no averaging removes: other
programs on the machine, and networks that are slower or faster than their cost.
"""

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

from compound.orchestrator.wording.numbers import in_range

LEVEL = 0.8
"""How often the range holds the truth."""
_NORMAL = 1.2816
"""The quantile of the normal distribution at (1 + LEVEL) / 2."""
_PRIOR_SD, _PRIOR_JOBS = 0.25, 2
"""What the logarithms of rates are taken to scatter by before they say so themselves, and how many
jobs this belief is worth."""
_COMMON = 0.5
"""The part of their variance that is common to all jobs that are left."""
_EXPONENT = 0.2
"""How far seconds may grow slower or faster than costs: they go with cost ** (1 +- this)."""
_HALF_LIFE = 8
"""Jobs after which a rate counts half: the load of a machine changes."""

_NEWEST = 100
"""Rates that count; older ones weigh next to nothing."""


class Ran(NamedTuple):
    """What was trained: a job, or the epochs of one that runs."""

    cost: float
    """Predicted, in a unit that all jobs share."""
    seconds: float


class Running(NamedTuple):
    """What a job that runs has still to train."""

    cost: float
    """Of the epochs that have not ended."""
    seconds: float = 0.0
    """Since it began the first of them."""
    rate: float | None = None
    """Seconds that a unit of its cost took in its newest epoch; None before the first has ended."""


class TimeLeft(NamedTuple):
    """A range of seconds that holds the truth in LEVEL of all cases."""

    low: float
    high: float

    @property
    def text(self) -> str:
        """Return `8 to 12 min left`."""
        return f"{in_range(self.low, self.high)} left"


UNKNOWN = "time left unknown yet"
"""Where there is no range: nothing has been trained that says how fast jobs are."""


def time_left(
    ran: Sequence[Ran], running: Sequence[Running], waiting: Sequence[float], slots: int
) -> TimeLeft | None:
    """Return the seconds until the last job ends; None as long as nothing says how fast jobs are.

    `ran`: oldest first; `waiting`: the costs of jobs that have not begun, in their order; `slots`:
    jobs that run at once.
    """
    seen = [part for part in ran if part.cost > 0 and part.seconds > 0][-_NEWEST:]
    if not running and not waiting:
        return TimeLeft(0.0, 0.0)
    if not seen:
        return None
    mean, spread, number = _rate(seen)
    left = [*(job.cost for job in running), *waiting]
    variance = spread**2 * (_COMMON + (1 - _COMMON) * (1 / number + _fewness(left)))
    variance += (_EXPONENT * _growth([part.cost for part in seen], left)) ** 2
    error = _quantile(len(seen) - 1 + _PRIOR_JOBS) * math.sqrt(variance)
    low, high = (
        _until_last(math.exp(mean), math.exp(e), running, waiting, slots) for e in (-error, error)
    )
    return TimeLeft(low, high)


def _rate(seen: Sequence[Ran]) -> tuple[float, float, float]:
    """Return mean and standard deviation of log seconds per cost, and how many jobs they stand for.

    Newer jobs count more, and a part of a job as much as a whole one.
    """
    logs = [math.log(part.seconds / part.cost) for part in seen]
    weights = [0.5 ** (age / _HALF_LIFE) for age in reversed(range(len(logs)))]
    total = sum(weights)
    mean = sum(w * log for w, log in zip(weights, logs, strict=True)) / total
    number = total**2 / sum(w * w for w in weights)
    squares = sum(w * (log - mean) ** 2 for w, log in zip(weights, logs, strict=True))
    prior = _PRIOR_JOBS * _PRIOR_SD**2
    variance = (prior + squares / total * number) / (_PRIOR_JOBS + number - 1)
    return mean, math.sqrt(variance), number


def _fewness(costs: Sequence[float]) -> float:
    """Return 1 / n where n equal jobs are left; between 1 and that where they are not equal."""
    total = sum(costs)
    return sum((cost / total) ** 2 for cost in costs) if total else 1.0


def _growth(seen: Sequence[float], left: Sequence[float]) -> float:
    """Return the logarithm of how much costlier the jobs are that are left; never below 0."""
    typical = sum(left) * _fewness(left)
    return max(0.0, math.log(typical * len(seen) / sum(seen))) if typical else 0.0


def _until_last(
    rate: float, factor: float, running: Sequence[Running], waiting: Sequence[float], slots: int
) -> float:
    """Return the seconds until the last job ends where each takes `factor` times its prediction.

    `rate`: predicted seconds for a unit of cost.
    """
    ends = [max(0.0, factor * (job.rate or rate) * job.cost - job.seconds) for job in running]
    free = [0.0] * max(0, slots - len(ends)) + ends
    heapq.heapify(free)
    for cost in waiting:
        heapq.heapreplace(free, free[0] + factor * rate * cost)
    return max(free)


def _quantile(freedom: float) -> float:
    """Return the quantile of Student's t at (1 + LEVEL) / 2 (Abramowitz and Stegun, 26.7.5)."""
    z = _NORMAL
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
