"""What a doubling of cost brings: measured between two networks, or expected of the power law."""

from collections.abc import Sequence
from math import hypot, log2

from compound.orchestrator.scale.doubling import doubling
from compound.orchestrator.statistics.log_odds import accuracy, log_odds
from compound.schemas.answer import LEAST_RATIO, Doubling, Reached
from compound.schemas.power_law import Law

ROUNDING = 1e-9
"""A difference of accuracies that is none: of computing with logarithms."""


def measured_doubling(
    smaller: Reached, larger: Reached, ratios: tuple[float, float], images: int
) -> Doubling | None:
    """Return the difference of two accuracies for each doubling of cost between them.

    `ratios`: of the smaller and the larger network, measured on `images`. None where the second
    costs less. Below `LEAST_RATIO` it is the difference as it is; below a doubling it is extended
    to one on log odds, where no accuracy leaves 0 to 1. The interval is made of both networks'
    intervals (MOVER: Zou and Donner, Statistics in Medicine 27:10, 2008), so it holds for
    independent noise.
    An accuracy of 0 or 1 counts as half an image from it, in both networks alike.
    """
    doublings = log2(ratios[1] / ratios[0])
    if doublings < 0:
        return None
    half, points = 0.5 / images, [smaller.value, larger.value, *(_ends(smaller, larger) or ())]
    points = [min(max(point, half), 1 - half) for point in points]
    plain = ratios[1] < LEAST_RATIO * ratios[0]
    if doublings < 1 and not plain:
        return _extended(points, doublings, images)
    gain, *ends = (end / (1.0 if plain else doublings) for end in _difference(points))
    return _doubling(gain, ends, plain=plain)


def _doubling(gain: float, ends: Sequence[float], *, plain: bool = False) -> Doubling:
    """Return what was measured; accuracies that are equal but for rounding have no difference."""
    low, high = ends or (None, None)
    gain = 0.0 if abs(gain) < ROUNDING else gain
    low, high = (end if end is None or abs(end) >= ROUNDING else 0.0 for end in (low, high))
    return Doubling(gain=gain, low=low, high=high, basis="measured", plain=plain)


def _ends(smaller: Reached, larger: Reached) -> tuple[float, float, float, float] | None:
    """Return both networks' ends, the smaller's first; None where one has none."""
    if smaller.low is None or smaller.high is None or larger.low is None or larger.high is None:
        return None
    return smaller.low, smaller.high, larger.low, larger.high


def _difference(points: Sequence[float]) -> list[float]:
    """Return the larger's value less the smaller's, and its ends where `points` has theirs."""
    first, second, *ends = points
    gain = second - first
    if not ends:
        return [gain]
    low, high, low_second, high_second = ends
    below = hypot(second - low_second, high - first)
    return [gain, gain - below, gain + hypot(high_second - second, first - low)]


def _extended(points: Sequence[float], doublings: float, images: int) -> Doubling:
    """Return what a whole doubling brings at the rate of a part of one, on log odds."""
    first = points[0]
    odds = log_odds(points, images).tolist()
    steps = [end / doublings for end in _difference(odds)]
    gain, *ends = (float(accuracy(odds[0] + step)) - first for step in steps)
    return _doubling(gain, ends)


def expected_doubling(law: Law | None, ratio: float, images: int) -> Doubling | None:
    """Return what a doubling beyond a cost is expected to bring, by a power law; None without it.

    `images`: those that its errors were measured on.
    """
    expected = doubling(law.points, ratio, law.level, 0.5 / images) if law else None
    if expected is None:
        return None
    return Doubling(gain=expected.value, low=expected.low, high=expected.high, basis="law")
