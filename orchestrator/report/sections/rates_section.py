"""The tables of other learning rates: of the baseline, and of choice and best single axis."""

from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections.table_cells import Cell, Table, number, text
from compound.orchestrator.wording.numbers import points
from compound.schemas.outcomes.recipe_check import Difference, RateScore


def rates_table(inputs: ReportInputs) -> Table:
    """Return the baseline's accuracy at each learning rate of the recipe check."""
    check = inputs.rates.check
    heads = ("learning rate", "multiple", "accuracy, %", "single scores, %", "failed", "taken")
    rows = [_rate(rate, check.multiple) for rate in check.rates] if check else []
    return Table(heads, tuple(rows))


def _rate(rate: RateScore, multiple: float) -> tuple[Cell, ...]:
    single = "  ".join(f"{100 * score:.2f}" for score in rate.scores)
    chosen = rate.multiple == multiple and bool(rate.scores)
    return (
        number(rate.rate, "{:g}", "strong" if chosen else ""),
        number(rate.multiple, "{:g}x"),
        number(None if rate.mean is None else 100 * rate.mean, "{:.2f}"),
        Cell(single or "–", max(rate.scores, default=0.0), "quiet"),
        number(rate.failed, tone="bad" if rate.failed else ""),
        text("yes", "strong") if chosen else text("no", "quiet"),
    )


def rates_noise(inputs: ReportInputs) -> str:
    """Say how uncertain the accuracies of the recipe check are; "" where there are none."""
    check = inputs.rates.check
    if check is None or check.noise is None or not any(rate.scores for rate in check.rates):
        return ""
    source = "noise between seeds"
    if check.noise_of == "images":
        source = "noise from the number of validation images"
    return f", with {points(check.noise)} points of {source}"


def sensitivity_table(inputs: ReportInputs) -> Table:
    """Return how far the mix leads at each multiple of the search's learning rate."""
    sensitivity = inputs.rates.sensitivity
    rows = sensitivity.differences if sensitivity else ()
    heads = ("learning rate", "the mix leads by, points", "interval")
    return Table(heads, tuple(_difference(row) for row in rows))


def _difference(row: Difference) -> tuple[Cell, ...]:
    ends = number(None)
    if row.low is not None and row.high is not None:
        ends = Cell(f"{points(row.low)} to {points(row.high)}", row.low)
    return (
        number(row.multiple, "{:g}x", "strong"),
        Cell(points(row.estimate), row.estimate),
        ends,
    )
