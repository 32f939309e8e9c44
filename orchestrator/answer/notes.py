"""What a reader of an answer must know: what was guessed, left out, or is of something else."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from compound.orchestrator.answer.answer_text import (
    FAR,
    amount_text,
    listed,
    multiple_text,
    phis_text,
    place_text,
)
from compound.orchestrator.answer.choice_line import along_of, family_of
from compound.orchestrator.answer.recommended import recommended, ways_shown
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.network_names import network_label
from compound.orchestrator.wording.numbers import percent, short
from compound.schemas.answer import AnswerRow
from compound.schemas.architecture import CONTROLS, Candidate
from compound.schemas.outcomes.along import WayPoint, WaysCompared
from compound.schemas.verdict import Verdict

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents

UNEVEN = 1.5
"""Times the hours of the quickest seed from which on those of the slowest are named."""


def notes(
    rows: Sequence[AnswerRow], stored: "Documents", chosen: AnswerRow | None
) -> Iterator[str]:
    """Yield what was guessed, left out, or is of other images; `chosen`: what the answer takes."""
    yield from _measured(rows, stored)
    yield from _not_trained(rows, stored)
    yield from ways_elsewhere(along_of(stored), chosen)
    yield from better_ways(along_of(stored), chosen.phi if chosen else None)
    yield from other_controls(stored)


def row_notes(row: AnswerRow, stored: "Documents") -> Iterator[str]:
    """Yield what concerns one network, and the ways that may be better than the choice."""
    if row.trained:
        yield from _measured([row], stored)
    yield from better_ways(along_of(stored), row.phi)


def _measured(rows: Sequence[AnswerRow], stored: "Documents") -> Iterator[str]:
    short_ones = [row for row in rows if row.recipe == "search"]
    if short_ones:
        yield (
            f"{phis_text(short_ones)}: trained by the search's recipe, which differs from the "
            "family's: hours and accuracy are of that, and not compared with the others"
        )
    if stored.test and stored.test.outdated and stored.test.readings:
        yield f"accuracies are of validation images: {stored.test.outdated}"
    yield from _counted_seeds(rows)
    yield from _held_out(rows, stored.verdict)
    yield from _uneven_hours(rows)


def _held_out(rows: Sequence[AnswerRow], verdict: Verdict | None) -> Iterator[str]:
    """Say why the choice has another accuracy here than in the search's table."""
    if verdict is None or verdict.worth is None:
        return
    means = {standing.candidate: standing.mean for standing in verdict.standings}
    mean, held_out = means.get(verdict.chosen or ""), percent(verdict.worth.value)
    for row in rows:
        # Where the family has trained it anew, the row is of other seeds.
        same = row.network == verdict.chosen and row.score == verdict.worth.value
        untested = row.accuracy is not None and row.accuracy.part == "validation"
        if same and untested and mean is not None and percent(mean) != held_out:
            yield (
                f"{place_text(row)}: {held_out} is what seeds that took no part in choosing it "
                f"give; the search's mean of it, {percent(mean)}, has the luck of the choice"
            )


def _not_trained(rows: Sequence[AnswerRow], stored: "Documents") -> Iterator[str]:
    """Name what is predicted, and what is not known at all."""
    largest = max((row.ratio for row in rows if row.trained), default=0.0)
    far = [row for row in rows if largest and not row.trained and row.ratio > FAR * largest]
    if far:
        yield (
            f"{phis_text(far)}: predicted far beyond the data, over {FAR:g} times the cost of the "
            "largest trained network"
        )
    planned = {row.phi for row in rows if not row.trained} & {*stored.record.spec.phis}
    missing = [row for row in rows if row.phi in planned and row.accuracy and not row.trained]
    if missing:
        yield f"{phis_text(missing)}: not trained, and predicted by the power law"
    unknown = [row for row in rows if row.accuracy is None]
    if unknown:
        yield f"{phis_text(unknown)}: not trained, and no power law predicts it"


def better_ways(along: WaysCompared | None, beside: float | None = None) -> Iterator[str]:
    """Yield the ways that scored higher than the choice and are not shown to be better.

    At the largest phi, and at the largest one up to `beside`.
    """
    phis = sorted({point.phi for point in (along.points if along else ()) if point.scores})
    smaller = [phi for phi in phis if beside is not None and phi <= beside]
    for phi in dict.fromkeys((*smaller[-1:], *phis[-1:])):
        if along and (text := _higher(along, phi)):
            yield text


def _higher(along: WaysCompared, phi: float) -> str:
    ahead = {lead.over for lead in along.leads if lead.phi == phi and lead.behind}
    at = {p.along: p for p in along.points if p.phi == phi and p.mean is not None}
    own = at.pop("choice", None)
    higher = [p for p in at.values() if own and _mean(p) > _mean(own) and p.along not in ahead]
    if own is None or not higher:
        return ""
    texts = listed([_scored(point) for point in higher])
    return (
        f"phi {phi:g}, on validation images: {texts}, and {_scored(own)}: higher, but not shown to "
        "be better"
    )


def _mean(point: WayPoint) -> float:
    return point.mean or 0.0


def _scored(point: WayPoint) -> str:
    return f"{WAYS[point.along]} scored {percent(_mean(point))} at {multiple_text(point.ratio)}"


def ways_elsewhere(along: WaysCompared | None, chosen: AnswerRow | None) -> Iterator[str]:
    """Yield the ways that are recommended at a phi where the answer is not."""
    ways = {phi: way for phi, way in recommended(along).items() if chosen and phi != chosen.phi}
    for way in ways_shown(along):
        phis = [f"{phi:g}" for phi, at in ways.items() if at == way]
        if phis:
            where = f"phi {listed(phis)}"
            yield f"{where}: {WAYS[way]} is shown to be ahead of the choice at equal cost"


def other_controls(stored: "Documents") -> Iterator[str]:
    """Yield the ways whose network at phi 1 is another than the search's control of that name."""
    search, family = stored.search, family_of(stored)
    if search is None or family is None:
        return
    for member in family.members:
        named = [c for c in search.candidates if member.along in {*c.roles} & {*CONTROLS}]
        if member.phi == 1 and named and named[0].id != member.network.id:
            yield (
                f"{WAYS[member.along]} at phi 1 is {_built(member.network)} in the family, and "
                f"{_built(named[0])} in the search"
            )


def _built(network: Candidate) -> str:
    return f"{network_label(network)} ({short(network.cost.params)} params)"


def _counted_seeds(rows: Sequence[AnswerRow]) -> Iterator[str]:
    """Say where the noise of one seed is the search's, and where it is not known."""
    single = [row for row in rows if row.validation and row.validation.seeds == 1]
    if not single:
        return
    if any(row.validation and row.validation.low is None for row in single):
        yield f"{phis_text(single)}: one seed, and the noise between seeds is not known"
    else:
        yield f"{phis_text(single)}: one seed; the noise between seeds is the search's"


def _uneven_hours(rows: Sequence[AnswerRow]) -> Iterator[str]:
    """Name the networks whose seeds took different times."""
    for row in rows:
        cost = row.training
        if cost and cost.least and cost.most and cost.most > UNEVEN * cost.least:
            yield (
                f"{place_text(row)}: its seeds took {amount_text(cost.least)} to "
                f"{amount_text(cost.most)} {cost.unit}, so other work may have shared the machine"
            )
