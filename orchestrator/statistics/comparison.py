"""The mathematics of a verdict: noise, intervals, and comparisons with the best.

Scores are accuracies as fractions of 1. Nothing here knows of studies or candidates; scores come
as plain numbers, and candidates are positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

NODES = 64
"""Quadrature nodes in each of the two directions; 64 give the critical value to about 1e-4."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """A standard deviation of one score, and the degrees of freedom that it rests on."""

    sd: float
    df: int

    def at_least(self, floor: float) -> "Noise":
        """Raise the deviation to `floor` where the scores happen to agree better than that."""
        return replace(self, sd=max(self.sd, floor))


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; low <= value <= high."""

    value: float
    low: float
    high: float


def pooled(groups: Sequence[Sequence[float]]) -> Noise | None:
    """Return the standard deviation within groups; None where no group has two scores."""
    repeated = [np.asarray(group, dtype=np.float64) for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in repeated)
    if df == 0:
        return None
    squares = sum(float(np.square(group - group.mean()).sum()) for group in repeated)
    return Noise(float(np.sqrt(squares / df)), df)


def residual(table: Sequence[Sequence[float]]) -> Noise:
    """Return what is left of a complete candidates x seeds table after both effects are removed.

    This is the residual of the two-way additive model. The table needs two rows and two columns.
    """
    scores = np.asarray(table, dtype=np.float64)
    rows, columns = scores.shape
    left = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    df = (rows - 1) * (columns - 1)
    return Noise(float(np.sqrt(np.square(left).sum() / df)), df)


def total(table: Sequence[Sequence[float]]) -> Noise:
    """Return the noise of one score in a complete table: a seed's luck for all, and the rest.

    The deviation is that within rows, as `pooled` has it. The luck shows only between columns, so
    the degrees of freedom are Satterthwaite's (1946): from columns - 1, where luck is all there
    is, to rows x (columns - 1), where there is none. The table needs two rows and two columns.
    """
    scores = np.asarray(table, dtype=np.float64)
    rows, columns = scores.shape
    luck = float(scores.mean(axis=0).var(ddof=1))
    rest = residual(table).sd ** 2 * (rows - 1) / rows
    spread = luck**2 / (columns - 1) + rest**2 / ((rows - 1) * (columns - 1))
    df = (luck + rest) ** 2 / spread if spread > 0 else rows * (columns - 1)
    return Noise((luck + rest) ** 0.5, max(int(df), 1))


def mean_interval(mean: float, count: int, noise: Noise, level: float) -> Estimate:
    """Return a mean of `count` scores with its two-sided t interval, kept inside 0 to 1."""
    half = _two_sided(level, noise.df) * noise.sd / count**0.5
    return Estimate(mean, max(mean - half, min(mean, 0.0)), min(mean + half, max(mean, 1.0)))


@lru_cache(maxsize=64)
def _two_sided(level: float, df: int) -> float:
    return float(special.stdtrit(df, (1 + level) / 2))


def many_to_one(counts: Sequence[int], df: int, level: float) -> float:
    """Return Dunnett's one-sided critical value for comparing every group with one of them.

    `counts` are the scores a group. The reference is the largest group: that makes the
    comparisons least correlated, so by Slepian's inequality the value holds for any reference.
    Given the reference's mean and the pooled deviation the comparisons are independent, which
    leaves a smooth integral in two dimensions, whatever the number of groups. (scipy's
    multivariate_t integrates at random, and slows down with every group.)
    """
    return _many_to_one(tuple(sorted(counts)), df, level)


@lru_cache(maxsize=64)
def _many_to_one(counts: tuple[int, ...], df: int, level: float) -> float:
    ordered = np.asarray(counts, dtype=np.float64)
    share, times = np.unique(ordered[:-1] / ordered[-1], return_counts=True)
    z, z_weight = np.polynomial.hermite_e.hermegauss(NODES)
    p, p_weight = np.polynomial.legendre.leggauss(NODES)
    u = np.sqrt(special.chdtri(df, (1 - p) / 2) / df)[:, None, None]

    def excess(value: float) -> float:
        bound = value * u * np.sqrt(1 + share) + z[:, None] * np.sqrt(share)
        inside = np.exp((special.log_ndtr(bound) * times).sum(axis=-1))
        return float(p_weight / 2 @ inside @ (z_weight / z_weight.sum())) - level

    one, bonferroni = special.stdtrit(df, [level, 1 - (1 - level) / (len(counts) - 1)])
    return float(optimize.brentq(excess, 0.99 * one, 1.01 * bonferroni, xtol=1e-6))


def critical_value(counts: Sequence[int], df: int, level: float) -> float:
    """Return the yardstick of a comparison with the best, in standard errors of a difference.

    It is Dunnett's one-sided value (1955), and never less than that of a plain two-sided interval,
    which it would undercut with two or three groups.
    """
    return max(many_to_one(counts, df, level), float(special.stdtrit(df, (1 + level) / 2)))


@dataclass(frozen=True)
class Comparison:
    """Means measured with one common noise, and the yardstick that tells two of them apart."""

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

    def margin(self, one: int, others: Sequence[int] | slice = slice(None)) -> Floats:
        """How far each of the others must lie from group `one` to be told apart from it."""
        return self.critical * self._spread(one, others)

    def tied(self) -> list[int]:
        """Return the groups that no other group beats by the margin.

        Hsu's comparison with the best (1984): the truly best group is in the set with at least
        the probability of the level.
        """
        everyone = range(len(self.means))
        return [i for i in everyone if np.all(self.means - self.margin(i) <= self.means[i])]

    def proven(self, some: Sequence[int], rivals: Sequence[int], error: float) -> list[int]:
        """Return those of `some` groups that are better than every one of the rivals.

        A group in truth no better than its best rival is returned with at most the probability
        `error`, also if it is picked from the list: the critical value is Dunnett's for all of
        `some` against one rival. That they must beat every rival needs no further correction,
        since the truly best one alone bounds the error (Berger 1982, intersection-union test).
        Its rivals have left the tied set, because the value is never below that set's.
        """
        counts = [int(self.counts[i]) for i in some]
        most = int(max(self.counts[i] for i in rivals))
        every = many_to_one([*counts, most], self.noise.df, 1 - error)
        critical = max(every, self.critical)
        beaten = [self.means[i] - critical * self._spread(i, rivals) for i in some]
        ceiling = self.means[list(rivals)]
        return [i for i, least in zip(some, beaten, strict=True) if np.all(least > ceiling)]

    def _spread(self, one: int, others: Sequence[int] | slice) -> Floats:
        spread: Floats = self.noise.sd * np.sqrt(1 / self.counts[others] + 1 / self.counts[one])
        return spread
