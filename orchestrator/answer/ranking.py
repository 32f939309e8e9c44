"""Networks by what they are expected to score, of which no smaller one has scored more."""

from collections.abc import Iterable, Mapping, Sequence

from compound.orchestrator.answer.options import Option
from compound.schemas.answer import AnswerRow
from compound.schemas.architecture import Way

DIGITS = 3
"""Of an accuracy, a fraction of 1: networks whose scores are the same as printed are equals."""


def ranked(options: Sequence[Option], rows: Mapping[Way, Sequence[AnswerRow]]) -> list[Option]:
    """Return networks, the best first: by score, of equals trained ones, then the smallest.

    Networks whose score nobody can expect come first, from the largest on, where the best is the
    largest trained one of their way, so that more has been better so far; else they come last.
    `rows`: of every way, its trained networks among them.
    """
    scored = sorted((o for o in options if o.row.score is not None), key=_order)
    unknown = sorted((o for o in options if o.row.score is None), key=lambda o: -o.row.ratio)
    hopeful = [o for o in unknown if not scored or _grows(o.row, scored[0].row, rows)]
    rest = [option for option in unknown if option not in hopeful]
    return [*hopeful, *scored, *rest]


def _order(option: Option) -> tuple[float, bool, float]:
    row = option.row
    return -round(row.score or 0.0, DIGITS), not row.trained, row.ratio


def _grows(unknown: AnswerRow, best: AnswerRow, rows: Mapping[Way, Sequence[AnswerRow]]) -> bool:
    """Whether the best network is the largest trained one of the way of an unknown larger one."""
    trained = [row for row in rows[unknown.way] if row.trained]
    largest = max(trained, key=lambda row: row.ratio, default=None)
    last = largest is not None and largest.network == best.network
    return last and unknown.ratio > best.ratio and best.score == highest(rows.values())


def highest(lines: Iterable[Sequence[AnswerRow]]) -> float:
    """Return the highest score of the trained networks of some lines."""
    return max((row.score or 0.0 for rows in lines for row in rows if row.trained), default=0.0)
