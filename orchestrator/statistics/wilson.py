"""Wilson's interval for a fraction (Wilson 1927; Brown, Cai and DasGupta 2001)."""

from math import sqrt
from statistics import NormalDist


def wilson(fraction: float, count: int, level: float) -> tuple[float, float]:
    """Return the interval for the true fraction, of which `fraction` was found in `count` trials.

    It lies within 0 and 1, and also holds where the fraction is near either. `count` is at least 1.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    shrunk = 1 + z * z / count
    centre = (fraction + z * z / (2 * count)) / shrunk
    half = z / shrunk * sqrt(fraction * (1 - fraction) / count + z * z / (4 * count * count))
    return max(0.0, min(fraction, centre - half)), min(1.0, max(fraction, centre + half))
