"""What a doubling of cost brings: measured between two networks, or expected of the power law."""

from collections.abc import Sequence
from math import hypot, log2

from compound.orchestrator.scale.doubling import doubling
from compound.orchestrator.statistics.log_odds import accuracy, log_odds
from compound.schemas.answer import Doubling, Reached
from compound.schemas.power_law import Law

_ROUNDING = 1e-12
"""A difference that is none: a score has millions of images at most."""


def measured_doubling(
    smaller: Reached, larger: Reached, ratios: tuple[float, float], images: int
) -> Doubling | None:
    """Return the difference of two accuracies for each doubling of cost between them.

    `ratios`: of the smaller and the larger network, measured on `images`. None where they cost the
    same. Networks less than a doubling apart are extended to one on log odds, where no accuracy
    leaves 0 to 1. The interval is made of both networks' intervals (MOVER: Zou and Donner,
    Statistics in Medicine 27:10, 2008), so it holds for independent noise.
    """
    doublings = log2(ratios[1] / ratios[0])
    if doublings <= 0:
        return None
    points = [smaller.value, larger.value, *(_ends(smaller, larger) or ())]
    if doublings < 1:
        return _extended(points, doublings, images)
    return _measured([end / doublings for end in _difference(points) if end is not None])


def _measured(ends: Sequence[float]) -> Doubling:
    """Return a gain and, where there are, its ends; what rounding leaves of equal scores is 0."""
    gain, *interval = (end if abs(end) > _ROUNDING else 0.0 for end in ends)
    return Doubling(
        gain=gain, **dict(zip(("low", "high"), interval, strict=False)), basis="measured"
    )


def _ends(smaller: Reached, larger: Reached) -> tuple[float, float, float, float] | None:
    """Return both networks' ends, the smaller's first; None where one has none."""
    if smaller.low is None or smaller.high is None or larger.low is None or larger.high is None:
        return None
    return smaller.low, smaller.high, larger.low, larger.high


def _difference(points: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the larger's value less the smaller's with its ends; `points` as in `_ends`."""
    first, second, *ends = points
    gain = second - first
    if not ends:
        return gain, None, None
    low, high, low_second, high_second = ends
    below = hypot(second - low_second, high - first)
    return gain, gain - below, gain + hypot(high_second - second, first - low)


def _extended(points: Sequence[float], doublings: float, images: int) -> Doubling:
    """Return what a whole doubling brings at the rate of a part of one, on log odds."""
    odds = log_odds(points, images).tolist()
    # The log odds of 0 and 1 are clipped, so what they are compared with has to be as well.
    first = float(accuracy(odds[0]))
    steps = [end / doublings for end in _difference(odds) if end is not None]
    gains = [float(accuracy(odds[0] + step)) - first for step in steps]
    return _measured([min(max(gain, -points[0]), 1 - points[0]) for gain in gains])


def expected_doubling(law: Law | None, ratio: float, images: int) -> Doubling | None:
    """Return what a doubling beyond a cost is expected to bring, by a power law; None without it.

    `images`: those that its errors were measured on.
    """
    expected = doubling(law.points, ratio, law.level, 0.5 / images) if law else None
    if expected is None:
        return None
    return Doubling(gain=expected.value, low=expected.low, high=expected.high, basis="law")
