"""Power: which differences a study can resolve, before it runs and after.

A difference is resolved where a candidate that is truly worse by that much leaves the tied set with
probability POWER. The statistic that decides is a mean difference over its standard error, which
then follows a noncentral t (Student; Cohen 1988), against the critical value for all of the
study's comparisons (Dunnett 1955; Hsu 1984), and at least against that of a two-sided interval.
"""

from bisect import bisect_left
from functools import lru_cache

from scipy import optimize, special

from compound.orchestrator.statistics.critical_value import many_to_one

POWER = 0.8
MOST_SEEDS = 1000
"""The upper limit of a spec."""


@lru_cache(maxsize=256)
def resolvable(seeds: int, candidates: int, level: float) -> float | None:
    """Return the smallest difference that a complete study resolves, in units of its noise.

    None where one seed gives no noise, or there is nothing to compare.
    """
    if seeds < 2 or candidates < 2:
        return None
    df = (candidates - 1) * (seeds - 1)
    two_sided = float(special.stdtrit(df, (1 + level) / 2))
    critical = max(many_to_one(candidates, df, level), two_sided)

    def missed(shift: float) -> float:
        return float(special.nctdtr(df, shift, critical)) - (1 - POWER)

    shift = optimize.brentq(missed, 0.0, 4 * critical + 4)
    return float(shift * (2 / seeds) ** 0.5)


def seeds_to_resolve(difference: float, candidates: int, level: float) -> int | None:
    """Return the fewest seeds that resolve a difference, given in units of the noise.

    None where MOST_SEEDS are too few, or there is nothing to compare.
    """

    def resolves(seeds: int) -> bool:
        resolved = resolvable(seeds, candidates, level)
        return resolved is not None and resolved <= difference

    seeds = 2 + bisect_left(range(2, MOST_SEEDS + 1), True, key=resolves)
    return seeds if seeds <= MOST_SEEDS else None
