"""The tied set: every group that may be the best, by comparisons with the best.

Scores are accuracies as fractions of 1, as plain numbers; candidates are positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from compound.orchestrator.statistics.noise import Floats, Noise

NODES = 64
"""Quadrature nodes in each of the two directions; 64 give the critical value to about 1e-4."""


def many_to_one(counts: Sequence[int], df: int, level: float) -> float:
    """Return Dunnett's one-sided critical value for comparing every group with one of them.

    `counts` are the scores per group. The reference is the largest group: the comparisons are then
    least correlated, so by Slepian's inequality the value is valid for any reference. Given the
    reference's mean and the pooled deviation the comparisons are independent. This leaves a smooth
    integral in two dimensions for any number of groups.
    """
    return _many_to_one(tuple(sorted(counts)), df, level)


@lru_cache(maxsize=64)
def _many_to_one(counts: tuple[int, ...], df: int, level: float) -> float:
    ordered = np.asarray(counts, dtype=np.float64)
    share, times = np.unique(ordered[:-1] / ordered[-1], return_counts=True)
    # Gauss quadrature, since scipy's multivariate_t integrates at random and slows with each group.
    z, z_weight = np.polynomial.hermite_e.hermegauss(NODES)
    p, p_weight = np.polynomial.legendre.leggauss(NODES)
    u = np.sqrt(special.chdtri(df, (1 - p) / 2) / df)[:, None, None]

    def excess(value: float) -> float:
        bound = value * u * np.sqrt(1 + share) + z[:, None] * np.sqrt(share)
        inside = np.exp((special.log_ndtr(bound) * times).sum(axis=-1))
        return float(p_weight / 2 @ inside @ (z_weight / z_weight.sum())) - level

    single, bonferroni = special.stdtrit(df, [level, 1 - (1 - level) / (len(counts) - 1)])
    return float(optimize.brentq(excess, 0.99 * single, 1.01 * bonferroni, xtol=1e-6))


def critical_value(counts: Sequence[int], df: int, level: float) -> float:
    """Return the critical value of a comparison with the best, in standard errors of a difference.

    It is Dunnett's one-sided value (1955), but at least that of a plain two-sided interval: with
    two or three groups Dunnett's would be less.
    """
    return max(many_to_one(counts, df, level), float(special.stdtrit(df, (1 + level) / 2)))


@dataclass(frozen=True)
class Comparison:
    """Means with one common noise, and the critical value for the difference of two of them."""

    means: Floats
    counts: Floats
    noise: Noise
    critical: float

    @classmethod
    def of(cls, groups: Sequence[Sequence[float]], noise: Noise, level: float) -> "Comparison":
        """Compare at least two groups of scores."""
        counts = [len(group) for group in groups]
        means = np.array([np.mean(group) for group in groups], dtype=np.float64)
        critical = critical_value(counts, noise.df, level)
        return cls(means, np.asarray(counts, dtype=np.float64), noise, critical)

    def margin(self, position: int, against: Sequence[int] | slice = slice(None)) -> Floats:
        """Return the least significant differences between group `position` and the rest."""
        return self.critical * self._spread(position, against)

    def tied(self) -> list[int]:
        """Return the groups that no other group beats by the margin: the tied set.

        Hsu's comparison with the best (1984): the set contains the truly best group with at least
        the probability of the level.
        """
        positions = range(len(self.means))
        return [i for i in positions if np.all(self.means - self.margin(i) <= self.means[i])]

    def proven(self, candidates: Sequence[int], rivals: Sequence[int], error: float) -> list[int]:
        """Return the `candidates` that are proven better than every rival.

        A group that is truly no better than its best rival is returned with a probability of at
        most `error`, also if it is picked from the list: the critical value is Dunnett's for all
        `candidates` against one rival. The test against every rival needs no further correction,
        since the truly best rival alone bounds the error (Berger 1982, intersection-union test).
        The rivals are then not in the tied set, because the value is at least that of the set.
        """
        counts = [int(self.counts[i]) for i in candidates]
        most = int(max(self.counts[i] for i in rivals))
        dunnett = many_to_one([*counts, most], self.noise.df, 1 - error)
        critical = max(dunnett, self.critical)
        beaten = [self.means[i] - critical * self._spread(i, rivals) for i in candidates]
        ceiling = self.means[list(rivals)]
        return [i for i, least in zip(candidates, beaten, strict=True) if np.all(least > ceiling)]

    def _spread(self, position: int, against: Sequence[int] | slice) -> Floats:
        spread: Floats = self.noise.sd * np.sqrt(
            1 / self.counts[against] + 1 / self.counts[position]
        )
        return spread
