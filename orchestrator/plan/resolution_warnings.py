"""Warnings, before a search runs, of differences that it cannot resolve."""

from compound.orchestrator.wording.numbers import counted
from compound.schemas.study import Search

COARSE = 4.0
"""A search that resolves no difference below so many sigma has too few seeds for its level."""
ENOUGH = 3.0
"""The seeds that are recommended instead resolve so many sigma."""
PLENTY = (3, 0.9)
"""Seeds and level with which every search resolves COARSE."""
WIDEN = "a larger search.design, search.budget.tolerance or baseline gives more networks"


def resolution_warnings(search: Search, networks: int) -> list[str]:
    """Warn of a search, with so many networks beside the baseline, that will say little."""
    texts = [
        f"there is only one network, so nothing can be compared; {WIDEN}" if networks == 1 else "",
        few_seeds(search.seeds, networks, search.level),
    ]
    return [text for text in texts if text]


def few_seeds(seeds: int, networks: int, level: float) -> str:
    """Say that the seeds are too few for the level, and how many would do; else nothing."""
    if seeds >= PLENTY[0] and level <= PLENTY[1]:
        return ""
    from compound.orchestrator.statistics.power import (  # scipy takes a second to import
        resolvable,
        seeds_to_resolve,
    )

    multiple = resolvable(seeds, networks, level)
    if multiple is None or multiple <= COARSE:
        return ""
    needed = seeds_to_resolve(ENOUGH, networks, level)
    more = f"with search.seeds: {needed} it is {ENOUGH:g} sigma; " if needed else ""
    return (
        f"with {counted(seeds, 'seed')} and search.level {level:g}, the search shows only "
        f"differences of {multiple:.1f} sigma (the noise of one score) or more; {more}a lower "
        "search.level needs fewer seeds"
    )
