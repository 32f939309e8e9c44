"""The rungs of a search on the page: promotions, and the agreement of short schedules."""

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from compound.orchestrator.report.figure_style import COLOURS, GOLD, LABELS, SYMBOLS, figure
from compound.orchestrator.report.inputs import ReportInputs, ReportRow
from compound.orchestrator.report.table_cells import Cell, Table, number
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
_STAR = {"symbol": "star", "size": 18, "color": GOLD, "line": {"color": "#5c4300", "width": 1}}


def rungs(rows: Sequence[ReportRow]) -> go.Figure | None:
    """Draw accuracy after the whole schedule against that after a shorter one, by candidate."""
    on_both = [row for row in rows if row.standing.screened and row.standing.mean is not None]
    if len(on_both) < 2:
        return None
    plain = [row for row in on_both if not row.chosen]
    marks = [_marks([row for row in plain if row.kind == kind], kind) for kind in LABELS]
    chosen = [row for row in on_both if row.chosen]
    return figure(
        [*marks, _marks(chosen, "chosen")],
        380,
        xaxis={"title": {"text": "accuracy after the short schedule, %"}, "zeroline": False},
        yaxis={"title": {"text": "after the whole schedule, %"}, "zeroline": False},
    )


def _marks(rows: Sequence[ReportRow], kind: str) -> go.Scatter | None:
    if not rows:
        return None
    if kind == "chosen":
        label, marker = kind, _STAR
    else:
        label = LABELS[kind]
        marker = {"symbol": SYMBOLS[kind], "size": 11, "color": COLOURS[kind]}
    return go.Scatter(
        x=[100 * fmean(row.standing.screened) for row in rows],
        y=[100 * (row.standing.mean or 0) for row in rows],
        mode="markers",
        name=label,
        marker={**marker, "opacity": 1},
        hovertemplate=[
            f"{row.name}<br>short %{{x:.2f}} %, whole %{{y:.2f}} %<extra></extra>" for row in rows
        ],
    )


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
