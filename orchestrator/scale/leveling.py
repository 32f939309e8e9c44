"""The error to expect where it may level off: an average over floors that nobody knows.

error = e x (g + (1 - g) x (ratio / last) ^ -b), where e is the error at the largest trained cost, g
the share of it that no cost removes, and b > 0. Every g and b of a grid counts by its prior and by
how well it fits (Bayesian model averaging; Hoeting et al. 1999, Statistical Science 14:4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXPONENTS = np.geomspace(0.05, 6, 36)[:, None]
SHARES = np.linspace(0, 0.95, 20)[None, :]
PURE = 0.7
"""Prior probability that there is no floor; all other shares are equally likely. With it,
predictions for floors of 0 to 5 % are neither too good nor too bad on average (benchmarks/law.py).
"""
USUAL = 0.3
"""The median of the exponents' prior, which is normal on logarithms with deviation 1."""
LEAST = 5e-4
"""Added to the sum of squares: a few networks may lie on a curve by chance."""


@dataclass(frozen=True)
class Leveling:
    """Curves with their probabilities, shape (exponents, shares)."""

    heights: Floats
    """Logarithms of e."""
    probabilities: Floats
    last: float
    """The largest trained ratio of costs."""

    def at(self, ratio: float) -> float:
        """Return the geometric mean of all curves at a cost."""
        logs = self.heights + _shape(log(ratio / self.last))
        return exp(min(float((self.probabilities * logs).sum()), 0.0))

    def with_floor(self) -> "Leveling":
        """Return the curves that level off, where that is shown."""
        probabilities = self.probabilities * (SHARES > 0)
        return replace(self, probabilities=probabilities / probabilities.sum())


def leveling(ratios: Sequence[float], errors: Floats, weights: Floats) -> Leveling:
    """Fit all curves to errors above 0 at ratios in rising order, by weighted least squares.

    `weights` are those of the errors' logarithms, up to a factor.
    """
    shapes = np.array([_shape(log(ratio / ratios[-1])) for ratio in ratios])
    rest = np.log(errors)[:, None, None] - shapes
    heights = np.tensordot(weights / weights.sum(), rest, axes=1)
    squares = np.tensordot(weights, np.square(rest - heights), axes=1) + LEAST
    # The noise is unknown: integrated over it, a fit counts as its squares to this power.
    logs = _log_prior() - (len(ratios) - 1) / 2 * np.log(squares)
    probabilities = np.exp(logs - logs.max())
    return Leveling(heights, probabilities / probabilities.sum(), ratios[-1])


def _shape(distance: float) -> Floats:
    """Return the logarithm of every curve over its e, at a logarithm of ratio over the last."""
    power = np.exp(np.clip(-EXPONENTS * distance, -700.0, 700.0))
    return np.asarray(np.log(SHARES + (1 - SHARES) * power), dtype=np.float64)


def _log_prior() -> Floats:
    with_floor = (1 - PURE) / (SHARES.size - 1)
    shares = np.where(SHARES == 0, PURE, with_floor)
    return np.asarray(np.log(shares) - np.square(np.log(EXPONENTS / USUAL)) / 2)
