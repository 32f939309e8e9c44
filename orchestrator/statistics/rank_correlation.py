"""Agreement of the order of candidates under two conditions: Kendall's tau-b (1938).

The conditions are a short and a whole schedule, or one scale and a larger one. Scores are
accuracies as fractions of 1, and candidates are positions.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compound.orchestrator.statistics.log_odds import Floats
from compound.orchestrator.statistics.noise import Noise, pooled, residual
from compound.schemas.gate import Correlation

FEWEST = 3
"""Least candidates; two have only one pair, whose tau is 1 or -1."""
DRAWS = 4000
"""Pairs of true orders; the ends at 5 % have an error of about 0.01."""
CELLS = 4_000_000
"""Most draws times pairs of candidates."""
PAIRS = 5_000
"""Most pairs for an interval: all pairs of 100 candidates, a random sample of more."""

Group = Sequence[float]


def correlation(
    first: Sequence[Group],
    second: Sequence[Group],
    level: float,
    floor: float = 0.0,
    fallback: tuple[Noise | None, Noise | None] = (None, None),
) -> Correlation | None:
    """Return the agreement of two conditions in the order of the same candidates.

    `first[i]` and `second[i]` are candidate i's scores. Candidates without a score on a side are
    left out; with fewer than three left the result is None. A side without any order gives 0.

    The interval is for the tau of the true means. They are drawn around the measured ones, with
    the noise of each side (at least `floor`) over its degrees of freedom. Noise biases tau towards
    0, once in the measured means and again in the draws. Towards 0 the interval is only too wide.
    Away from 0 each end is corrected for the reliability of the means (Spearman 1904), at its lower
    confidence limit by the F test of a side: where all candidates of a side may be equal, the end
    goes to 1.

    A side without repeated scores takes its noise from `fallback`, as from the baseline's seeds,
    else from the other side. Without any noise the interval is -1 to 1. (A bootstrap over
    candidates would call any order of three certain.)
    """
    pairs = sorted((tuple(a), tuple(b)) for a, b in zip(first, second, strict=True) if a and b)
    if len(pairs) < FEWEST:
        return None
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    means = [_means(side) for side in sides]
    tau = tau_b(means[0], means[1])
    low, high = -1.0, 1.0
    noises = [_noise(side) or noise for side, noise in zip(sides, fallback, strict=True)]
    if shared_noise := noises[0] or noises[1]:
        noises_used = [(noise or shared_noise).at_least(floor) for noise in noises]
        low, high = _interval(sides, means, noises_used, tau, level)
    return Correlation(tau=tau, low=low, high=high, level=level, candidates=len(pairs))


def tau_b(first: Floats, second: Floats) -> float:
    """Return Kendall's tau-b of two sequences; 0 where one of them is constant."""
    tau = float(stats.kendalltau(first, second).statistic)
    return 0.0 if np.isnan(tau) else min(max(tau, -1.0), 1.0)


def _means(groups: Sequence[Group]) -> Floats:
    """Return means; equal sums of scores give equal means, so that ties are found."""
    # The sum of floats depends on their order: without rounding, ties would differ by 1e-16.
    return np.array([np.mean(group) for group in groups], dtype=np.float64).round(12)


def _noise(groups: Sequence[Group]) -> Noise | None:
    """Return the noise of differences: the seed effect changes no order."""
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
    # A fixed seed: the same results must give the same interval.
    rng = np.random.default_rng(0)
    first, second = _pairs(len(means[0]), rng)
    draws = int(np.clip(CELLS // len(first), DRAWS // 10, DRAWS))
    signs = []
    for side, mean, noise in zip(sides, means, noises, strict=True):
        sd = noise.sd * np.sqrt(noise.df / rng.chisquare(noise.df, (draws, 1)))
        sampling_error = rng.standard_normal((draws, len(mean)))
        truth = mean + sampling_error * sd / np.sqrt([len(group) for group in side])
        signs.append(np.sign(truth[:, first] - truth[:, second]))
    taus = tau_of_signs(signs[0], signs[1])
    low, high = np.quantile(taus, [(1 - level) / 2, (1 + level) / 2]).tolist()
    reliabilities = (_reliability(*side, level) for side in zip(sides, means, noises, strict=True))
    trust = float(np.prod(list(reliabilities))) ** 0.5
    return min(low, tau, _stretched(low, trust)), max(high, tau, _stretched(high, trust))


def _reliability(groups: Sequence[Group], means: Floats, noise: Noise, level: float) -> float:
    """Return the one-sided lower limit of the part of the variance that is not noise."""
    noise_variance = noise.sd**2 * float(np.mean([1 / len(group) for group in groups]))
    limit = float(stats.f.ppf(level, len(means) - 1, noise.df))
    total_variance = float(means.var(ddof=1))
    return max(0.0, 1 - limit * noise_variance / total_variance) if total_variance > 0 else 0.0


def _stretched(tau: float, trust: float) -> float:
    """Correct a tau for the noise of the means, by the correlation of normal variables."""
    rho = np.sin(np.pi / 2 * tau)
    if abs(rho) >= trust:
        return float(np.sign(tau))
    return float(2 / np.pi * np.arcsin(rho / trust))


def _pairs(count: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if count * (count - 1) // 2 <= PAIRS:
        return np.triu_indices(count, 1)
    first = rng.integers(count, size=PAIRS)
    return first, (first + rng.integers(1, count, size=PAIRS)) % count


def tau_of_signs(first: Floats, second: Floats) -> Floats:
    """Return tau-b from signs of differences, shape (..., pairs); 0 for a side without order."""
    agree = (first * second).sum(axis=-1)
    most = np.sqrt(np.abs(first).sum(axis=-1) * np.abs(second).sum(axis=-1))
    taus: Floats = np.divide(agree, most, out=np.zeros_like(agree), where=most > 0)
    return taus
