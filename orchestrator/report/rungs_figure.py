"""The rungs of a search on the page: who went on, and whether short schedules could tell."""

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from compound.orchestrator.report.figure_style import COLOURS, GOLD, LABELS, SYMBOLS, figure
from compound.orchestrator.report.inputs import ReportInputs, ReportRow
from compound.orchestrator.report.table_cells import Cell, Table, number
from compound.schemas.gate import Correlation
from compound.schemas.verdict import Rung


def rungs(everyone: Sequence[ReportRow]) -> go.Figure | None:
    """Draw accuracy after the whole schedule against that after a shorter one, by candidate."""
    both = [seat for seat in everyone if seat.standing.screened and seat.standing.mean is not None]
    if len(both) < 2:
        return None
    plain = [seat for seat in both if not seat.chosen]
    marks = [_marks([seat for seat in plain if seat.kind == kind], kind) for kind in LABELS]
    chosen = [seat for seat in both if seat.chosen]
    return figure(
        [*marks, _marks(chosen, "chosen")],
        380,
        xaxis={"title": {"text": "accuracy after the short schedule, %"}, "zeroline": False},
        yaxis={"title": {"text": "after the whole schedule, %"}, "zeroline": False},
    )


def _marks(ours: Sequence[ReportRow], kind: str) -> go.Scatter | None:
    if not ours:
        return None
    crown = {"symbol": "star", "size": 18, "color": GOLD, "line": {"color": "#5c4300", "width": 1}}
    plain = {"symbol": SYMBOLS.get(kind), "size": 11, "color": COLOURS.get(kind)}
    return go.Scatter(
        x=[100 * fmean(seat.standing.screened) for seat in ours],
        y=[100 * (seat.standing.mean or 0) for seat in ours],
        mode="markers",
        name=LABELS.get(kind, kind),
        marker={**(crown if kind == "chosen" else plain), "opacity": 1},
        hovertemplate=[
            f"{seat.name}<br>short %{{x:.2f}} %, whole %{{y:.2f}} %<extra></extra>" for seat in ours
        ],
    )


def rung_table(inputs: ReportInputs) -> Table:
    """Return every schedule of the search with who entered it and who went on."""
    head = ("epochs", "seeds", "entered", "went on", "tau with the last rung", "interval")
    heads = (*head, "networks compared")
    found = inputs.verdict.rungs if inputs.verdict else ()
    return Table(heads, tuple(_row(one) for one in found))


def _row(one: Rung) -> tuple[Cell, ...]:
    tau = one.correlation
    return (
        number(one.epochs, tone="strong"),
        number(one.seeds),
        number(one.entered),
        number(one.promoted),
        number(tau.tau if tau else None, "{:.2f}"),
        _ends(tau),
        number(tau.candidates if tau else None),
    )


def _ends(found: Correlation | None) -> Cell:
    if found is None:
        return number(None)
    return Cell(f"{found.low:.2f} to {found.high:.2f}", found.low)
