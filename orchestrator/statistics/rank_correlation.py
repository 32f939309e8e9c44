"""Whether the order of candidates holds from one condition to another: Kendall's tau-b (1938).

The conditions are a short and a whole schedule, or one scale and a larger one. Scores are
accuracies as fractions of 1, and candidates are positions.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compound.orchestrator.statistics.comparison import Noise, pooled, residual
from compound.schemas.gate import Correlation

FEWEST = 3
"""Candidates; two have nothing but one pair, whose tau is 1 or -1."""
DRAWS = 4000
"""Pairs of true orders; the ends at 5 % are good to about 0.01."""
CELLS = 4_000_000
"""Draws times pairs of candidates at most."""
PAIRS = 5_000
"""Pairs that an interval looks at; all pairs of 100 candidates, and a fair sample of more."""

Floats = NDArray[np.float64]
Group = Sequence[float]


def correlation(
    one: Sequence[Group],
    other: Sequence[Group],
    level: float,
    floor: float = 0.0,
    elsewhere: tuple[Noise | None, Noise | None] = (None, None),
) -> Correlation | None:
    """Return how far two conditions agree in the order of the same candidates.

    `one[i]` and `other[i]` are candidate i's scores; who has none on a side is left out, and with
    fewer than three left there is no answer. A tau without any order on a side is 0.

    The interval is for the true means' tau. They are drawn around the measured ones, with the
    noise of each side (no less than `floor`) over its degrees of freedom. Noise drags tau towards
    0, once in the measured means and again in the draws. Towards 0 that is only too cautious;
    away from 0 each end is corrected for the reliability of the means (Spearman 1904), as low as
    the F test of a side leaves it possible: where a side's candidates may all be equal, nothing
    keeps the end from 1.

    A side without repeated scores takes its noise from `elsewhere`, as from the baseline's seeds,
    else from the other side. Without any the interval is -1 to 1: nobody can say. (A bootstrap
    over candidates would call any order of three certain.)
    """
    kept = sorted((tuple(a), tuple(b)) for a, b in zip(one, other, strict=True) if a and b)
    if len(kept) < FEWEST:
        return None
    sides = [[pair[side] for pair in kept] for side in (0, 1)]
    means = [_means(side) for side in sides]
    tau = tau_b(means[0], means[1])
    low, high = -1.0, 1.0
    noises = [_noise(side) or noise for side, noise in zip(sides, elsewhere, strict=True)]
    if known := noises[0] or noises[1]:
        taken = [(noise or known).at_least(floor) for noise in noises]
        low, high = _interval(sides, means, taken, tau, level)
    return Correlation(tau=tau, low=low, high=high, level=level, candidates=len(kept))


def tau_b(one: Floats, other: Floats) -> float:
    """Return Kendall's tau-b of two sequences; 0 where one of them is constant."""
    tau = float(stats.kendalltau(one, other).statistic)
    return 0.0 if np.isnan(tau) else min(max(tau, -1.0), 1.0)


def _means(groups: Sequence[Group]) -> Floats:
    """Return means in which scores that add up to the same are the same."""
    return np.array([np.mean(group) for group in groups], dtype=np.float64).round(12)


def _noise(groups: Sequence[Group]) -> Noise | None:
    """Return the noise of differences: what a seed adds to all candidates changes no order."""
    if len({len(group) for group in groups}) == 1 and len(groups[0]) > 1:
        return residual(groups)
    return pooled(groups)


def _interval(
    sides: Sequence[Sequence[Group]],
    means: Sequence[Floats],
    noises: Sequence[Noise],
    tau: float,
    level: float,
) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    first, second = _pairs(len(means[0]), rng)
    draws = int(np.clip(CELLS // len(first), DRAWS // 10, DRAWS))
    signs = []
    for side, mean, noise in zip(sides, means, noises, strict=True):
        sd = noise.sd * np.sqrt(noise.df / rng.chisquare(noise.df, (draws, 1)))
        luck = rng.standard_normal((draws, len(mean)))
        truth = mean + luck * sd / np.sqrt([len(group) for group in side])
        signs.append(np.sign(truth[:, first] - truth[:, second]))
    taus = tau_of_signs(signs[0], signs[1])
    low, high = np.quantile(taus, [(1 - level) / 2, (1 + level) / 2]).tolist()
    each = (_reliability(*side, level) for side in zip(sides, means, noises, strict=True))
    trust = float(np.prod(list(each))) ** 0.5
    return min(low, tau, _stretched(low, trust)), max(high, tau, _stretched(high, trust))


def _reliability(groups: Sequence[Group], means: Floats, noise: Noise, level: float) -> float:
    """Return the least part of the variance of means that is not noise, at a one-sided level."""
    own = noise.sd**2 * float(np.mean([1 / len(group) for group in groups]))
    limit = float(stats.f.ppf(level, len(means) - 1, noise.df))
    found = float(means.var(ddof=1))
    return max(0.0, 1 - limit * own / found) if found > 0 else 0.0


def _stretched(tau: float, trust: float) -> float:
    """Undo what noise takes off a tau; by way of the correlation of normal variables."""
    rho = np.sin(np.pi / 2 * tau)
    if abs(rho) >= trust:
        return float(np.sign(tau))
    return float(2 / np.pi * np.arcsin(rho / trust))


def _pairs(count: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if count * (count - 1) // 2 <= PAIRS:
        return np.triu_indices(count, 1)
    first = rng.integers(count, size=PAIRS)
    return first, (first + rng.integers(1, count, size=PAIRS)) % count


def tau_of_signs(one: Floats, other: Floats) -> Floats:
    """Return tau-b from the signs of differences, shape (..., pairs); 0 where a side has none."""
    agree = (one * other).sum(axis=-1)
    most = np.sqrt(np.abs(one).sum(axis=-1) * np.abs(other).sum(axis=-1))
    taus: Floats = np.divide(agree, most, out=np.zeros_like(agree), where=most > 0)
    return taus
