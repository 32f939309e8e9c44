"""From a study's documents and results to its answer: a row for each network, and the pick.

Validation accuracies decide, test accuracies report: no test image has a part in the pick.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from compound.orchestrator.answer import answer_text
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.at_chance import without_guesses
from compound.orchestrator.answer.choice_line import along_of, coefficients_of
from compound.orchestrator.answer.doublings import expected_doubling
from compound.orchestrator.answer.line_rows import brought, rows_of
from compound.orchestrator.answer.lines import Line, line_of_choice, lines_of_ways
from compound.orchestrator.answer.notes import notes
from compound.orchestrator.answer.recommended import recommended, ways_shown
from compound.schemas.answer import Answer, AnswerRow, Doubling
from compound.schemas.architecture import Way
from compound.schemas.power_law import Law


def answer_of(inputs: AnswerInputs) -> Answer:
    """Return the answer of a study as far as it is. Pure; also works where no job has ended."""
    stored, search = inputs.stored, inputs.stored.record.spec.search
    lines, along = lines_of(inputs), along_of(stored)
    rows = rows_of_lines(inputs, lines)
    chosen = pick(rows, recommended(along))
    law = next((line.law for line in lines if chosen and line.way == chosen.way), None)
    answer = Answer(
        cost=search.budget.cost if search else "macs",
        level=inputs.level,
        coefficients=coefficients_of(stored),
        rows=tuple(rows),
        phi=chosen.phi if chosen else None,
        way=chosen.way if chosen else "choice",
        compared=along is not None,
        against_best=True,
        beyond=beyond(rows, chosen, law, inputs.images),
        sentence="",
        scaling=answer_text.scaling(stored.verdict, along, search.budget.multiple if search else 1),
        notes=tuple(notes(rows, stored, chosen)),
    )
    worded = answer.model_copy(update={"sentence": answer_text.sentence(answer, stored)})
    return without_guesses(worded, inputs.costs.data)


def lines_of(inputs: AnswerInputs) -> list[Line]:
    """Return the choice's line, and that of every way that is shown to be ahead of it."""
    ways = [*ways_shown(along_of(inputs.stored))]
    return [line_of_choice(inputs), *lines_of_ways(inputs, ways)]


def rows_of_lines(inputs: AnswerInputs, lines: Sequence[Line]) -> list[AnswerRow]:
    """Return the rows of several lines by cost; the baseline, which they share, once."""
    rows = [row for line in lines for row in rows_of(inputs, line) if row.way == line.way]
    return sorted(rows, key=lambda row: (row.ratio, row.phi))


def pick(rows: Sequence[AnswerRow], ways: Mapping[float, Way]) -> AnswerRow | None:
    """Return the largest trained network that is worth it; None where none is trained.

    `ways` are recommended, by phi; at all other phi it is the choice. A network is worth it whose
    doubling is above 0 with all of its interval. Without an interval, as with one seed each, it is
    one whose doubling brought anything, and the sentence says so. No smaller network in `rows` has
    scored more than the one that is taken.
    """
    trained = [row for row in rows if row.trained]
    line = [row for row in trained if row.way == ways.get(row.phi, "choice")]
    worth = [row for row in line[1:] if _may_be_worth_it(row.doubling)]
    unbeaten = [row for row in (*line[:1], *worth) if not _beaten(row, trained)]
    smallest = [row for row in trained if line and row.ratio <= line[0].ratio]
    return next(reversed(unbeaten), None) or best_of(smallest)


def best_of(rows: Sequence[AnswerRow]) -> AnswerRow | None:
    """Return the network of the highest score, of equals the smallest; None without a row."""
    return min(rows, key=lambda row: (-(row.score or 0.0), row.ratio), default=None)


def _beaten(row: AnswerRow, trained: Sequence[AnswerRow]) -> bool:
    """Whether a network that costs no more has scored more, of any line and recipe."""
    return any((r.score or 0.0) > (row.score or 0.0) for r in trained if r.ratio <= row.ratio)


def _may_be_worth_it(doubling: Doubling | None) -> bool:
    """Whether that is shown, or not known: None is between networks of different recipes."""
    if doubling is None or doubling.worth is not None:
        return doubling is None or doubling.worth is True
    return doubling.gain > 0


def beyond(
    rows: Sequence[AnswerRow], chosen: AnswerRow | None, law: Law | None, images: int
) -> Doubling | None:
    """Return what a doubling beyond a network brings: of the next trained one, else by the law.

    `law`: of its line.
    """
    if chosen is None:
        return None
    trained = [row for row in rows if row.trained and row.way == chosen.way]
    following = next((b for a, b in pairwise(trained) if a.phi == chosen.phi), None)
    if following:
        return brought(chosen, following, images)
    return expected_doubling(law, chosen.ratio, images)
