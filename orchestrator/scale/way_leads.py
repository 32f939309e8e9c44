"""The leads of the choice over the other ways, and what is claimed of them along phi.

"Ahead of every single axis from phi p on" is an intersection over axes and phi: every one of its
differences is tested at the study's level, and no correction for their number is needed (Berger
1982, Technometrics 24:4): if the claim is false, it takes a false test at the largest phi where the
choice is not ahead. So a lower end counts its own lead alone.

Ways that are ahead of the choice may be picked from all of them, so the ways share the chance of a
false claim (Bonferroni). A way's own share goes from its largest phi down: a phi whose test shows
the way ahead hands its chance on to the next one (the fallback procedure: Wiens 2003,
Pharmaceutical Statistics 2:3). So upper ends below 0, with all ways and phi counted, are false in
at most that share of studies.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.statistics.lead import Spread, lead_ends
from compound.schemas.architecture import AXES, Way
from compound.schemas.outcomes.along import BetterWay, WayLead

LARGEST = 0.75
"""Part of a way's chance that is its largest phi's. Smaller phi have the rest in equal parts, so
that a clear lead at one of them shows where that is lost later."""
Estimated = tuple[Spread, float]
"""A mean with its spread, and what the seeds add to the variance of all means alike."""


@dataclass(frozen=True)
class Entry:
    """A member of the family with its scores, moved to the cost of the choice at its phi."""

    along: Way
    phi: float
    scored: CandidateScores
    key: str
    """What its scores are of: members with the same are the same trained networks."""

    @property
    def ratio(self) -> float:
        """Cost over the baseline's."""
        return self.scored.candidate.ratio


Pair = tuple[Entry, Entry]
"""The choice and another way at one phi."""


def leads_of(
    entries: Sequence[Entry],
    estimates: Mapping[str, Estimated],
    level: float,
    picked: Mapping[float, int],
) -> tuple[WayLead, ...]:
    """Return the leads of the choice over every other way that has a score, by phi.

    `picked`: at phi whose scores the search has chosen by, the networks that it chose from.
    """
    choices = {entry.phi: entry for entry in entries if entry.along == "choice"}
    pairs = [(choices[entry.phi], entry) for entry in entries if entry.scored.scores]
    pairs = [(c, rival) for c, rival in pairs if c.scored.scores and c.key != rival.key]
    ways, chance = dict.fromkeys(rival.along for _, rival in pairs), (1 - level) / 2
    downs = {phi: chance / picked.get(phi, 1) for phi in choices}
    leads = {
        (lead.phi, lead.over): lead
        for way in ways
        for lead in _along_phi(
            [pair for pair in pairs if pair[1].along == way], estimates, downs, chance / len(ways)
        )
    }
    return tuple(leads[rival.phi, rival.along] for _, rival in pairs)


def _along_phi(
    pairs: Sequence[Pair],
    estimates: Mapping[str, Estimated],
    downs: Mapping[float, float],
    chance: float,
) -> Iterator[WayLead]:
    """Yield the leads over one way, its largest phi first; `chance`: that an upper end is missed.

    `downs`: the chances that lower ends are missed, by phi.
    """
    smaller = (1 - LARGEST) * chance / max(len(pairs) - 1, 1)
    up = LARGEST * chance if len(pairs) > 1 else chance
    for choice, rival in sorted(pairs, key=lambda pair: -pair[1].phi):
        lead = _compared(choice, rival, estimates, downs[rival.phi], up)
        yield lead
        up = smaller + (up if lead.behind else 0.0)


def _compared(
    choice: Entry,
    rival: Entry,
    estimates: Mapping[str, Estimated],
    down: float,
    up: float,
) -> WayLead:
    """Return one lead; `down`, `up`: the probabilities that its ends are missed."""
    estimated = choice.scored.mean - rival.scored.at_budget
    lead = WayLead(over=rival.along, phi=rival.phi, estimate=estimated)
    if choice.key not in estimates or rival.key not in estimates:
        return lead
    spreads = estimates[choice.key][0], estimates[rival.key][0]
    low, high = _ends(*spreads, rival.scored.shift, down, up)
    return lead.model_copy(update={"low": min(low, estimated), "high": max(high, estimated)})


def _ends(
    choice: Spread, rival: Spread, shift: float, down: float, up: float
) -> tuple[float, float]:
    """Return the ends of a lead as accuracies, with and without the correction for cost.

    `down` and `up` are the probabilities that the lower and the upper end are missed. Half of the
    correction counts as its standard error.
    """
    moved = Spread(rival.mean + shift, rival.variance + (shift / 2) ** 2, rival.df)
    ends = [lead_ends(choice, spread, down, up) for spread in (rival, moved)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def ahead_from(entries: Sequence[Entry], leads: Sequence[WayLead]) -> float | None:
    """Return the phi from which on the choice is ahead of every single axis; None at no phi.

    A way that was planned and has no score is not known to be behind. Without any single axis, it
    is the phi from which on the choice is ahead of the published split.
    """
    axes: set[Way] = {*AXES}
    ways = axes & {entry.along for entry in entries} or {"published"}
    own = {(entry.phi, entry.key) for entry in entries if entry.along == "choice"}
    rivals = [e for e in entries if e.along in ways and (e.phi, e.key) not in own]
    ahead = {(lead.phi, lead.over) for lead in leads if lead.ahead}
    first = None
    for phi in sorted({rival.phi for rival in rivals}, reverse=True):
        if not all((phi, rival.along) in ahead for rival in rivals if rival.phi == phi):
            break
        first = phi
    return first


def better_ways(entries: Sequence[Entry], leads: Sequence[WayLead]) -> tuple[BetterWay, ...]:
    """Return the ways that are ahead of the choice from a phi on, up to the family's largest."""
    behind = {(lead.phi, lead.over): lead.estimate for lead in leads if lead.behind}
    phis = sorted({entry.phi for entry in entries}, reverse=True)
    ways = [way for phi, way in sorted(behind, key=lambda key: behind[key]) if phi == phis[0]]
    return tuple(BetterWay(along=way, first=_first(way, phis, behind)) for way in ways)


def _first(way: Way, phis: Sequence[float], behind: Collection[tuple[float, Way]]) -> float:
    """Return the last of the `phis`, largest first, until which a way is ahead of the choice."""
    return [*takewhile(lambda phi: (phi, way) in behind, phis)][-1]
