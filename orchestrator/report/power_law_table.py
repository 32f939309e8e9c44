"""What the power law foretold, beside what came: one row a network."""

from statistics import fmean

from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.table_cells import Cell, Table, number, spans, text
from compound.schemas.power_law import LawPoint


def law_table(inputs: ReportInputs) -> Table:
    """Return every network of the power law, trained ones first."""
    head = ("phi", "cost ratio", "foretold, %", "interval, %", "measured, %", "seeds")
    found = inputs.law.points if inputs.law else ()
    return Table((*head, "inside"), tuple(_row(one) for one in found))


def _row(one: LawPoint) -> tuple[Cell, ...]:
    low, high = one.low, one.high
    return (
        number(one.phi, "{:g}", "strong"),
        number(one.ratio, "{:.2f}x"),
        number(None if one.expected is None else 100 * (1 - one.expected), "{:.2f}"),
        spans(None if high is None else 1 - high, None if low is None else 1 - low),
        number(100 * (1 - fmean(one.errors)) if one.errors else None, "{:.2f}"),
        number(len(one.errors)),
        _inside(one),
    )


def _inside(one: LawPoint) -> Cell:
    if one.checked is None:
        return text("–" if one.errors else "not trained", "quiet")
    return text("yes", "good") if one.checked else text("no", "bad")
