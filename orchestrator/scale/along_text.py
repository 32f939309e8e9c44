"""The comparison of the ways of scaling in sentences; leads in points of accuracy."""

import math
from collections.abc import Iterator, Mapping, Sequence

from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.numbers import percent, points
from compound.schemas.architecture import AXES, Way
from compound.schemas.outcomes.along import BetterWay, WayLead, WaysCompared


def tell(compared: WaysCompared) -> str:
    """Say from which phi on the choice is ahead, what is ahead of it, and what is missing."""
    parts = [_main(compared), *_better(compared), *_behind(compared), *_last(compared)]
    return " ".join([*parts, *_own_network(compared), *_missing(compared)])


def headline(compared: WaysCompared) -> str:
    """Say from which phi on the choice is ahead, what is ahead of it, and the published split."""
    if not _of_rivals(compared):
        return ""
    return " ".join([_main(compared), *_better(compared), *_last(compared)])


def _of_rivals(compared: WaysCompared) -> list[WayLead]:
    """Return the leads over the ways that the claim is about."""
    rivals = _rivals(compared)
    return [lead for lead in compared.leads if lead.over in rivals]


def _rivals(compared: WaysCompared) -> set[Way]:
    """Return the ways that the claim is about: the single axes, else the published split."""
    planned: set[Way] = {point.along for point in compared.points}
    planned |= {left.along for left in compared.left_out}
    axes: set[Way] = {*AXES}
    return planned & axes or {"published"}


def _whom(compared: WaysCompared) -> str:
    rivals, own = _rivals(compared), {way for way, _ in _same(compared)}
    if {*AXES} <= rivals:
        return "every other single axis" if own & rivals else "every single axis"
    return " and ".join(text for way, text in WAYS.items() if way in rivals)


def _main(compared: WaysCompared) -> str:
    leads = _of_rivals(compared)
    if not leads:
        kind = "single axis" if compared.leads else "way of scaling"
        return f"No {kind} can be compared with the choice."
    if all(lead.low is None for lead in leads):
        return _without_noise(compared, leads)
    closest, whom = _closest(leads), _whom(compared)
    last = closest[-1]
    lead = f"at phi {last.phi:g} it {_compares(last)}"
    better = _better_rival(compared)
    if better:
        return f"At equal cost the choice is not ahead of {whom}: {_ahead(compared, better)}."
    if compared.first is None:
        verb = "not ahead" if last.behind else "not shown to be ahead"
        return f"At equal cost the choice is {verb} of {whom}: {lead}."
    if len(closest) == 1:
        return f"At equal cost the choice is ahead of {whom}: {lead}."
    every = compared.first == closest[0].phi
    where = "at every phi" if every else f"from phi {compared.first:g} on"
    return f"At equal cost the choice is ahead of {whom} {where}: {lead}."


def _closest(leads: Sequence[WayLead]) -> list[WayLead]:
    """Return at each phi, smallest first, the lead over the rival that comes nearest."""
    ordered = sorted(leads, key=lambda lead: lead.estimate if lead.low is None else lead.low)
    by_phi = {lead.phi: lead for lead in reversed(ordered)}
    return [by_phi[phi] for phi in sorted(by_phi)]


def _compares(lead: WayLead) -> str:
    """Say who leads by how much, with the interval; nobody where that includes 0."""
    name, size = WAYS[lead.over], f"{points(abs(lead.estimate))} points"
    if lead.low is None or lead.high is None:
        return f"scores {size} {'above' if lead.estimate >= 0 else 'below'} {name}"
    if lead.behind:
        return f"is behind {name} by {size} ({points(-lead.high)} to {points(-lead.low)})"
    ends = f"{points(lead.low)} to {points(lead.high)}"
    if lead.ahead:
        return f"leads {name} by {size} ({ends})"
    return f"is not shown to differ from {name} (a lead of {points(lead.estimate)} points, {ends})"


def _without_noise(compared: WaysCompared, leads: Sequence[WayLead]) -> str:
    """Say what one seed a network shows, and that it may be noise."""
    scores = "; ".join(f"at phi {lead.phi:g} it {_compares(lead)}" for lead in _closest(leads))
    return (
        f"One seed a network cannot say whether the choice is ahead of {_whom(compared)}: "
        f"{scores}, and any of it may be noise. `family.seeds: 3` gives intervals."
    )


def _better_rival(compared: WaysCompared) -> BetterWay | None:
    """Return the way that is most ahead of the choice among those that the claim is about."""
    rivals = _rivals(compared)
    return next((better for better in compared.better if better.along in rivals), None)


def _better(compared: WaysCompared) -> Iterator[str]:
    """Name the ways that are ahead of the choice, without the one that is named before."""
    named = _better_rival(compared)
    for better in compared.better:
        if better != named:
            yield f"{_capital(_ahead(compared, better))}."


def _ahead(compared: WaysCompared, better: BetterWay) -> str:
    """Say from which phi on a way is ahead of the choice, and by how much at the largest."""
    leads = [lead for lead in compared.leads if lead.over == better.along]
    last = max(leads, key=lambda lead: lead.phi)
    since = f"from phi {better.first:g} on, " if better.first != last.phi else ""
    assert last.low is not None and last.high is not None
    ends = f"{points(-last.high)} to {points(-last.low)}"
    ahead = f"{WAYS[better.along]} is ahead of the choice {since}at phi {last.phi:g}"
    return f"{ahead} by {points(-last.estimate)} points ({ends})"


def _behind(compared: WaysCompared) -> Iterator[str]:
    """Name the way that is ahead of the choice at the largest phi before that is lost again."""
    better = {way.along: way.first for way in compared.better}
    leads = [lead for lead in compared.leads if lead.phi < better.get(lead.over, math.inf)]
    last = max((lead.phi for lead in compared.leads), default=0.0)
    behind = _closest([lead for lead in leads if lead.behind and lead.phi < last])
    if behind:
        yield f"At phi {behind[-1].phi:g} it {_compares(behind[-1])}."


def _last(compared: WaysCompared) -> Iterator[str]:
    """Say how the choice compares with the published split at the largest phi."""
    named = _rivals(compared) | {better.along for better in compared.better}
    leads = [lead for lead in compared.leads if lead.over not in named]
    if leads:
        last = max(leads, key=lambda lead: lead.phi)
        yield f"At phi {last.phi:g} it {_compares(last)}."


def _same(compared: WaysCompared) -> Iterator[tuple[Way, list[float]]]:
    """Yield the ways that have the choice's own network, with the phi where they do."""
    own = {(point.phi, point.network) for point in compared.points if point.along == "choice"}
    for way in WAYS:
        of_way = [point for point in compared.points if point.along == way != "choice"]
        same = [point.phi for point in of_way if (point.phi, point.network) in own]
        if same:
            yield way, same


def _own_network(compared: WaysCompared) -> Iterator[str]:
    for way, phis in _same(compared):
        yield f"{_capital(WAYS[way])} is the choice's own network at phi {_listed(phis)}."


def _missing(compared: WaysCompared) -> Iterator[str]:
    """Name ways without a network of this cost, and networks without a score."""
    for way, text in WAYS.items():
        left = [part for part in compared.left_out if part.along == way]
        for reason in dict.fromkeys(part.reason for part in left):
            phis = _listed([part.phi for part in left if part.reason == reason])
            yield f"{_capital(text)} is left out at phi {phis}: {reason}."
        unscored = [p.phi for p in compared.points if p.along == way and not p.scores]
        if unscored:
            yield f"{_capital(text)} has no score at phi {_listed(unscored)}."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _listed(phis: Sequence[float]) -> str:
    return ", ".join(f"{phi:g}" for phi in phis)


def collapsed_text(way: Way, phi: float, collapsed: Mapping[int, float]) -> str:
    """Name the seeds of a network that ended near chance."""
    seeds = ", ".join(f"seed {seed} at {percent(score)}" for seed, score in collapsed.items())
    return f"{WAYS[way]} at phi {phi:g}: runs ended near chance and are left out ({seeds})"


def uneven_text(gap: float) -> str:
    """Say that differences of cost are not corrected."""
    return (
        f"costs that differ from the choice's by up to {percent(gap)} are not corrected: that "
        "takes a score of the baseline by the family's recipe, and a phi above 0"
    )
