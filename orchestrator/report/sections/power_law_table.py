"""The predictions of the power law beside the measured accuracies: one row per network."""

from statistics import fmean

from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections.table_cells import Cell, Table, number, spans, text
from compound.schemas.power_law import LawPoint


def law_table(inputs: ReportInputs) -> Table:
    """Return every network of the power law, trained ones first."""
    head = ("phi", "cost ratio", "predicted, %", "interval, %", "measured, %", "seeds")
    points = inputs.law.points if inputs.law else ()
    return Table((*head, "power law"), tuple(_row(point) for point in points))


def _row(point: LawPoint) -> tuple[Cell, ...]:
    low, high = point.low, point.high
    return (
        number(point.phi, "{:g}", "strong"),
        number(point.ratio, "{:.2f}x"),
        number(None if point.expected is None else 100 * (1 - point.expected), "{:.2f}"),
        spans(None if high is None else 1 - high, None if low is None else 1 - low),
        number(100 * (1 - fmean(point.errors)) if point.errors else None, "{:.2f}"),
        number(len(point.errors)),
        _holds(point),
    )


def _holds(point: LawPoint) -> Cell:
    if point.checked is None:
        return text("–" if point.errors else "not trained", "quiet")
    return text("holds", "good") if point.checked else text("below a pure law", "bad")
