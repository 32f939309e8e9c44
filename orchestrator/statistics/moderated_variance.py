"""Variances of many small groups, each moderated by what all of them show.

Two or three scores say little about their own noise. Empirical Bayes lends each group the trend of
all variances in the mean, with the weight that their scatter around the trend allows (Smyth 2004,
Statistical Applications in Genetics and Molecular Biology 3:3, section 4; the trend as in Law et
al. 2014, Genome Biology 15:R29).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from compound.orchestrator.statistics.log_odds import Floats

MOST_PRIOR = 6.0
"""Most degrees of freedom that the trend lends to a group. Without a limit it lends all of them
where the variances happen to be even. In simulated studies the limit covers the worst covered group
by 0.01 to 0.02 more often, and makes intervals of truly even groups 1 to 4 % wider."""
FEWEST_FOR_TREND = 5
"""Groups below which the trend is a constant."""
STEPS = 50


@dataclass(frozen=True)
class Moderated:
    """Variances of one score by group, shape (groups,), and their degrees of freedom."""

    variances: Floats
    df: Floats


def moderated(variances: Floats, df: Floats, means: Floats, *, few: bool = False) -> Moderated:
    """Moderate positive variances with positive degrees of freedom, given the groups' means.

    `few`: up to five groups determine no slope, and the variance of the highest mean would be an
    extrapolation. So the trend is a constant; it lowers no variance, since a group that is truly
    noisier would borrow too small a one, and lends no more than the other groups have.
    """
    logs = np.log(variances) - special.digamma(df / 2) + np.log(df / 2)
    scatter = special.polygamma(1, df / 2)
    fitted, coefficients = _trend(logs, 1 / scatter, np.zeros_like(means) if few else means)
    spare = len(logs) - coefficients
    excess = float(np.square(logs - fitted).sum()) / spare - float(scatter.mean()) if spare else 0.0
    prior = 2 * inverse_trigamma(excess) if excess > 0 else np.inf
    lendable = float(df.sum()) - (float(df.max()) if few else coefficients)
    prior = min(prior, MOST_PRIOR, max(lendable, 0.0))
    lent = (prior * np.exp(fitted) + df * variances) / (prior + df)
    return Moderated(np.maximum(lent, variances) if few else lent, df + prior)


def _trend(logs: Floats, weights: Floats, means: Floats) -> tuple[Floats, int]:
    """Return the weighted straight line through log variances, and its number of coefficients."""
    columns = np.ones((len(logs), 1))
    if len(logs) >= FEWEST_FOR_TREND and float(np.ptp(means)) > 0:
        columns = np.column_stack([columns, means - means.mean()])
    root = np.sqrt(weights)
    solution = np.linalg.lstsq(columns * root[:, None], logs * root, rcond=None)[0]
    return columns @ solution, columns.shape[1]


def inverse_trigamma(value: float) -> float:
    """Return x > 0 with trigamma(x) = value > 0, by Newton's method on 1 / trigamma."""
    x = 0.5 + 1 / value
    for _ in range(STEPS):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) < 1e-9 * x:
            break
    return x
