"""Dunnett's critical value where all groups have one noise and as many scores: for plans.

After a study every candidate has a noise of its own; see tied_set.py.
"""

from functools import lru_cache

import numpy as np
from scipy import optimize, special

NODES = 64
"""Quadrature nodes in each of the two directions; 64 give the critical value to about 1e-4."""


@lru_cache(maxsize=64)
def many_to_one(groups: int, df: int, level: float) -> float:
    """Return the one-sided value (1955) for comparing all other groups with one of them.

    In standard errors of a difference. Given the mean of that one and the pooled deviation the
    comparisons are independent, which leaves a smooth integral in two dimensions.
    """
    # Gauss quadrature, since scipy's multivariate_t integrates at random and slows with each group.
    z, z_weight = np.polynomial.hermite_e.hermegauss(NODES)
    p, p_weight = np.polynomial.legendre.leggauss(NODES)
    u = np.sqrt(special.chdtri(df, (1 - p) / 2) / df)[:, None]

    def excess(value: float) -> float:
        inside = np.exp((groups - 1) * special.log_ndtr(2**0.5 * value * u + z))
        return float(p_weight / 2 @ inside @ (z_weight / z_weight.sum())) - level

    single, bonferroni = special.stdtrit(df, [level, 1 - (1 - level) / (groups - 1)])
    return float(optimize.brentq(excess, 0.99 * single, 1.01 * bonferroni, xtol=1e-6))
