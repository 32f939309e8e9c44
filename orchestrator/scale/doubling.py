"""What more cost brings, in accuracy: the last step that was trained, and a further doubling."""

from collections.abc import Sequence
from math import log
from statistics import fmean

import numpy as np
from scipy import stats

from compound.orchestrator.scale.log_errors import (
    by_cost,
    counted,
    mean_error,
    moved,
    seeds_noise,
)
from compound.orchestrator.scale.power_line import line_through
from compound.orchestrator.statistics.noise import Estimate, Noise
from compound.schemas.power_law import LawPoint, Step


def doubling(
    points: Sequence[LawPoint], ratio: float, level: float, floor: float
) -> Estimate | None:
    """Return the gain in accuracy, a fraction of 1, from twice the cost of `ratio`.

    `points` are a law's, `floor` is half a validation image. The interval is for the mean of
    networks of such costs, without their own deviations. Its low end is 0, no further gain; its
    high end is that of a pure power law (the delta method on its two coefficients). None with fewer
    than three networks, or where errors do not fall.
    """
    line = line_through([point for point in points if point.errors], floor, level)
    if line is None or not line.bounded or line.slope >= 0:
        return None
    expected = line.expected(ratio) - line.expected(2 * ratio)
    error, left = line.at(ratio), 2**line.slope
    by_slope = log(ratio) * (1 - left) - log(2) * left
    gradient = error * np.array([1 - left, by_slope])
    margin = line.times((1 + level) / 2) * float(gradient @ line.covariance @ gradient) ** 0.5
    high = min(error * (1 - left) + margin, error)
    return Estimate(expected, 0.0, max(high, expected))


def last_step(trained: Sequence[LawPoint], level: float, floor: float) -> Step | None:
    """Return the measured gain of the largest network over the next smaller one.

    The noise is that between seeds, pooled on log odds over all networks; with a seed each, what
    the networks deviate from the power law; at least that of counting images. Without seeds or a
    third network there is no interval.
    """
    ordered = by_cost(trained)
    smaller = [point for point in ordered if point.ratio < ordered[-1].ratio]
    if not smaller:
        return None
    before, after = smaller[-1], ordered[-1]
    step = Step(
        phis=(before.phi, after.phi),
        ratios=(before.ratio, after.ratio),
        gain=fmean(before.errors) - fmean(after.errors),
    )
    noise = _noise(ordered, floor)
    if noise is None:
        return step
    start, end = mean_error(before, floor), mean_error(after, floor)
    shares = np.array([1 / len(before.errors), 1 / len(after.errors)])
    least = float(counted(np.array([start, end]), floor) @ shares) ** 0.5
    deviation = noise.sd * float(shares.sum()) ** 0.5
    ends = (1 + level) / 2
    margin = float(max(stats.t.ppf(ends, noise.df) * deviation, stats.norm.ppf(ends) * least))
    low, high = start - moved(end, margin), start - moved(end, -margin)
    return step.model_copy(update={"low": min(low, step.gain), "high": max(high, step.gain)})


def _noise(trained: Sequence[LawPoint], floor: float) -> Noise | None:
    """Return the deviation of a seed; None where unknown."""
    seeds, line = seeds_noise(trained, floor), line_through(trained, floor)
    if seeds or line is None or not line.bounded:
        return seeds
    return Noise(line.deviations.network**0.5, line.deviations.df)
