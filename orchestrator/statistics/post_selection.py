"""What a choice by the data does to the interval of what was chosen.

The best of several mixes is the one that was also lucky, and so is the best of several controls.
How much that flatters depends on how many are close to the top, which no table holds: it is
simulated. From truths that the scores leave possible, studies like this one are drawn, each makes
its own choice by the same rule, and the error of its lead, in units of its own noise, is kept. The
quantiles of these errors make the interval: a parametric bootstrap of the whole selection (Efron
and Tibshirani 1993, chapters 12 and 21), in the form of bootstrap-t.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compound.orchestrator.statistics.comparison import Estimate, Noise
from compound.orchestrator.statistics.surface import Surface

DRAWS = 4000
"""Simulated studies; their quantiles at 5 % are good to about 3 % of the interval's width."""
CELLS = 4_000_000
"""Draws times candidates at most, so that thousands of candidates fit into memory."""
INDIFFERENT = 0.25
"""A difference in expected accuracy, over the noise between seeds, that cost may decide."""

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def pick(expected: Floats, slack: Floats, rank: Floats) -> Places:
    """Return the lowest in rank of those within the slack of the highest expectation.

    `expected` has shape (..., candidates), `slack` (...), `rank` (candidates). One that is told
    apart from the best by next to nothing may cost less, and then it is the better choice: the
    one-standard-error rule (Breiman et al. 1984) with a finer yardstick.
    """
    near = expected >= expected.max(axis=-1, keepdims=True) - slack[..., None]
    picked: Places = np.where(near, rank, np.inf).argmin(axis=-1)
    return picked


@dataclass(frozen=True)
class MixVersusControls:
    """Mixes against controls: positions, and the rank in which cost decides between mixes."""

    mixes: list[int]
    controls: list[int]
    rank: Floats
    """Of the mixes, in their order; the lowest is taken first."""

    def lead(self, means: Floats, mix: Places) -> Floats:
        """Return what the mixes picked have over the best control; the last axis is summed up."""
        best: Floats = means[..., self.controls].max(axis=-1)
        chosen: Floats = np.take_along_axis(means, mix[..., None], axis=-1)[..., 0]
        return chosen - best

    def pick(self, surface: Surface, means: Floats, sd: Floats) -> Places:
        """Return the position of the mix that stands for compound scaling."""
        expected = surface.smooth(means)[..., self.mixes]
        places: Places = np.array(self.mixes)[pick(expected, INDIFFERENT * sd, self.rank)]
        return places


def lead_interval(
    contest: MixVersusControls, surface: Surface, noise: Noise, mix: int, level: float
) -> Estimate:
    """Return the lead of a mix over the best control, with its interval after selection.

    The value is the difference of the measured means; the interval leaves out (1 - level) / 2 on
    either side. Truths with one mix far ahead are rare among those drawn, yet there nothing has
    flattered the mix. So each end is the farther one of two: with the mix picked anew by every
    simulated study, and with this mix throughout.
    """
    rng = np.random.default_rng(0)
    draws = min(DRAWS, max(CELLS // len(surface.means), DRAWS // 10))
    truth = surface.truths(rng, draws, noise.sd)
    luck = rng.standard_normal(truth.shape) * np.sqrt(surface.own)
    means = truth + noise.sd * luck
    sd = noise.sd * np.sqrt(rng.chisquare(noise.df, draws) / noise.df)
    ways = (contest.pick(surface, means, sd), np.full(draws, mix))
    errors = [(contest.lead(means, way) - contest.lead(truth, way)) / sd for way in ways]
    tails = [(1 - level) / 2, (1 + level) / 2]
    below, above = np.quantile(errors, tails, axis=1) * noise.sd
    value = float(contest.lead(surface.means, np.asarray(mix)))
    return Estimate(
        value, min(value - float(above.max()), value), max(value - float(below.min()), value)
    )
