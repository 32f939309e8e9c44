"""Critical values of comparisons with the best where all groups have one noise: for plans.

After a study every candidate has a noise of its own; see tied_set.py.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import optimize, special

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
