"""What a reader of an answer must know: what was guessed, left out, or is of something else."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from compound.orchestrator.answer.answer_text import (
    FAR,
    amount_text,
    multiple_text,
    phis_text,
    place_text,
)
from compound.orchestrator.answer.choice_line import along_of, family_of
from compound.orchestrator.wording.names import WAYS, multipliers
from compound.orchestrator.wording.numbers import percent
from compound.schemas.answer import AnswerRow
from compound.schemas.architecture import CONTROLS, Candidate
from compound.schemas.outcomes.along import WaysCompared

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents

UNEVEN = 1.5
"""Times the hours of the quickest seed from which on those of the slowest are named."""


def notes(rows: Sequence[AnswerRow], stored: "Documents") -> Iterator[str]:
    """Yield what was guessed, left out, or is of other images."""
    yield from _measured(rows, stored)
    yield from _not_trained(rows, stored)
    yield from better_ways(along_of(stored))
    yield from other_controls(stored)


def row_notes(row: AnswerRow, stored: "Documents") -> Iterator[str]:
    """Yield what concerns one network, and the ways that may be better than the choice."""
    if row.trained:
        yield from _measured([row], stored)
    yield from better_ways(along_of(stored))


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
    yield from _uneven_hours(rows)


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


def better_ways(along: WaysCompared | None) -> Iterator[str]:
    """Yield the ways that scored higher than the choice at its largest phi, where none is shown."""
    trained = [point for point in (along.points if along else ()) if point.mean is not None]
    last = max((point.phi for point in trained), default=None)
    ahead = {
        lead.over for lead in (along.leads if along else ()) if lead.phi == last and lead.behind
    }
    at = {p.along: (p.ratio, p.mean) for p in trained if p.phi == last and p.mean is not None}
    own = at.pop("choice", None)
    for way, (ratio, mean) in at.items():
        if own and mean > own[1] and way not in ahead:
            yield (
                f"phi {last:g}: {WAYS[way]} scored {percent(mean)} on validation images at "
                f"{multiple_text(ratio)}, the choice {percent(own[1])} at {multiple_text(own[0])}: "
                "higher, but not shown to be better"
            )


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
    return f"{multipliers(network.coefficients)} at {network.architecture.resolution} px"


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
