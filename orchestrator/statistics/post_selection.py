"""The interval of a difference after selection by the same data.

The best of several mixes also had a favourable error, and so had the best of several controls. The
bias depends on how many are close to the top, for which there is no table: it is simulated. True
means are drawn from their posterior, and from each a study like this one. Each simulated study
selects by the same rule, and the error of its lead, in units of its own noise, is recorded. The
quantiles of these errors give the interval: a parametric bootstrap of the whole selection (Efron
and Tibshirani 1993, chapters 12 and 21), in the form of bootstrap-t.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compound.orchestrator.statistics.noise import Estimate, Noise
from compound.orchestrator.statistics.surface import Surface

DRAWS = 4000
"""Simulated studies; the error of their quantiles at 5 % is about 3 % of the interval's width."""
CELLS = 4_000_000
"""Most draws times candidates, so that thousands of candidates fit into memory."""
INDIFFERENT = 0.25
"""Difference in expected accuracy, in units of the noise, below which cost decides."""

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]


def pick(expected: Floats, slack: Floats, rank: Floats) -> Positions:
    """Return the lowest in rank of those within the slack of the highest expectation.

    `expected` has shape (..., candidates), `slack` (...), `rank` (candidates). A
    candidate that is almost as good as the best and costs less is the better choice: this is the
    one-standard-error rule (Breiman et al. 1984) with a smaller margin.
    """
    near = expected >= expected.max(axis=-1, keepdims=True) - slack[..., None]
    picked: Positions = np.where(near, rank, np.inf).argmin(axis=-1)
    return picked


@dataclass(frozen=True)
class MixVersusControls:
    """Mixes against controls: their positions, and the rank of the mixes by cost."""

    mixes: list[int]
    controls: list[int]
    rank: Floats
    """Of the mixes, in their order; the lowest is chosen first."""

    def lead(self, means: Floats, mix: Positions) -> Floats:
        """Return the leads of the picked mixes over the best control, without the last axis."""
        best: Floats = means[..., self.controls].max(axis=-1)
        chosen: Floats = np.take_along_axis(means, mix[..., None], axis=-1)[..., 0]
        return chosen - best

    def pick(self, surface: Surface, means: Floats, sd: Floats) -> Positions:
        """Return the position of the mix that represents compound scaling."""
        expected = surface.smooth(means)[..., self.mixes]
        picked: Positions = np.array(self.mixes)[pick(expected, INDIFFERENT * sd, self.rank)]
        return picked


def lead_interval(
    contest: MixVersusControls, surface: Surface, noise: Noise, mix: int, level: float
) -> Estimate:
    """Return the lead of a mix over the best control, with its interval after selection.

    The value is the difference of the measured means; the interval leaves out (1 - level) / 2 on
    either side. Where one mix is truly far ahead there is no selection bias, but such truths are
    rare among the draws. So each end is the farther one of two: with the mix selected by every
    simulated study, and with this mix in all of them.
    """
    # A fixed seed: the same results must give the same interval.
    rng = np.random.default_rng(0)
    draws = min(DRAWS, max(CELLS // len(surface.means), DRAWS // 10))
    truth = surface.draw_true_means(rng, draws, noise.sd)
    sampling_error = rng.standard_normal(truth.shape) * np.sqrt(surface.mean_variances)
    means = truth + noise.sd * sampling_error
    sd = noise.sd * np.sqrt(rng.chisquare(noise.df, draws) / noise.df)
    ways = (contest.pick(surface, means, sd), np.full(draws, mix))
    errors = [(contest.lead(means, way) - contest.lead(truth, way)) / sd for way in ways]
    tails = [(1 - level) / 2, (1 + level) / 2]
    below, above = np.quantile(errors, tails, axis=1) * noise.sd
    value = float(contest.lead(surface.means, np.asarray(mix)))
    return Estimate(
        value, min(value - float(above.max()), value), max(value - float(below.min()), value)
    )
