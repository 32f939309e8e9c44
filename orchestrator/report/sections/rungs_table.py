"""How a search spent its epochs: promotions, and the agreement of short schedules."""

from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections.table_cells import Cell, Table, number
from compound.schemas.gate import Correlation
from compound.schemas.promotion import Promotion
from compound.schemas.verdict import Rung

PROMOTIONS: dict[str, str] = {
    "rungs": (
        "All networks trained short schedules, each annealed to its end. The best part and the "
        "single axes went on to longer ones. A row counts networks."
    ),
    "asha": (
        "Every job began the whole schedule, and after each rung one in {factor} went on. A row "
        "counts jobs."
    ),
}
"""How a search spent its epochs, by the kind of its promotion."""


def promotion_text(promotion: Promotion | None) -> str:
    """Return how a search spent its epochs; "" without promotion. KeyError: an unknown kind."""
    return PROMOTIONS[promotion.kind].format(factor=promotion.factor) if promotion else ""


def rung_table(inputs: ReportInputs) -> Table:
    """Return every schedule of the search with the numbers that entered and were promoted."""
    head = ("epochs", "seeds", "entered", "promoted", "tau with the last rung", "interval")
    heads = (*head, "networks compared")
    rungs_ = inputs.verdict.rungs if inputs.verdict else ()
    return Table(heads, tuple(_row(rung) for rung in rungs_))


def _row(rung: Rung) -> tuple[Cell, ...]:
    tau = rung.correlation
    return (
        number(rung.epochs, tone="strong"),
        number(rung.seeds),
        number(rung.entered),
        number(rung.promoted),
        number(tau.tau if tau else None, "{:.2f}"),
        _ends(tau),
        number(tau.candidates if tau else None),
    )


def _ends(correlation: Correlation | None) -> Cell:
    if correlation is None:
        return number(None)
    return Cell(f"{correlation.low:.2f} to {correlation.high:.2f}", correlation.low)
