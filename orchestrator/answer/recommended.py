"""Which way of scaling is recommended at a phi: the choice, unless another is shown to be ahead.

The choice was picked before the family was trained, so at a phi where nothing is shown it stays.
Another way takes its place at every phi where the interval of the choice's lead, at equal cost, is
below 0; of several such ways the one with the largest lead. The search has tied candidates too, and
none of them is shown to be better than another, so there the choice stays.
"""

from collections.abc import Iterator

from compound.schemas.architecture import Way
from compound.schemas.outcomes.along import WaysCompared


def recommended(along: WaysCompared | None) -> dict[float, Way]:
    """Return the recommended way at each phi that was compared, the smallest phi first."""
    phis = sorted({point.phi for point in along.points}) if along else []
    return {phi: _ahead_at(along, phi) for phi in phis if along}


def _ahead_at(along: WaysCompared, phi: float) -> Way:
    ahead = [lead for lead in along.leads if lead.phi == phi and lead.behind]
    best = min(ahead, key=lambda lead: lead.estimate, default=None)
    return best.over if best else "choice"


def way_at(ways: dict[float, Way], phi: float) -> Way:
    """Return the recommended way at any phi: between two that were compared, the smaller's."""
    if phi <= 0:
        return ways.get(phi, "choice")
    smaller = [compared for compared in ways if 0 < compared <= phi]
    return ways[max(smaller)] if smaller else "choice"


def ways_shown(along: WaysCompared | None) -> Iterator[Way]:
    """Yield the ways that are shown to be ahead of the choice anywhere, each once."""
    yield from dict.fromkeys(way for way in recommended(along).values() if way != "choice")


def other_ways(along: WaysCompared | None) -> Iterator[Way]:
    """Yield the ways beside the choice that have a score, each once."""
    scored = (point.along for point in (along.points if along else ()) if point.scores)
    yield from dict.fromkeys(way for way in scored if way != "choice")
