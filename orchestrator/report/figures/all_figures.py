"""The figures of a report, as plotly figures; text and grid take the page's colours."""

from collections.abc import Sequence

import plotly.graph_objects as go

from compound.orchestrator.report.figures.along_figure import along_figure
from compound.orchestrator.report.figures.curves_figure import family_curves, search_curves
from compound.orchestrator.report.figures.family_figure import family
from compound.orchestrator.report.figures.figure_style import (
    BELOW,
    COLOURS,
    GOLD,
    LABELS,
    SYMBOLS,
    error_bars,
    figure,
    hover,
    log_axis,
)
from compound.orchestrator.report.figures.gate_figure import gate
from compound.orchestrator.report.figures.rungs_figure import rungs
from compound.orchestrator.report.figures.ternary_figure import ternary
from compound.orchestrator.report.inputs import ReportInputs, ReportRow, baseline_row, report_rows
from compound.orchestrator.wording.numbers import short
from compound.schemas.architecture import Candidate
from compound.schemas.design import CostUnit

MOST = 30
"""Most candidates in one figure; controls are always included."""
UNITS = {"macs": "MACs", "activations": "activations", "params": "parameters"}
FIRST_UNIT: dict[CostUnit, str] = {
    "macs": "macs",
    "params": "params",
    "activations": "activations",
    "memory": "activations",
    "step_time": "activations",
}
"""The unit that the cost figure shows first, by the unit of the budget. Memory and step time are no
counts: activations correlate best with both."""


def figures(inputs: ReportInputs) -> dict[str, go.Figure]:
    """Return every figure for which there are data, by its name in the page."""
    rows = report_rows(inputs)
    shown_rows = [row for i, row in enumerate(rows) if i < MOST or row.kind != "mix" or row.chosen]
    drawings = {
        "ternary": ternary(rows, inputs.verdict),
        "standings": _standings(shown_rows),
        "cost": _cost(inputs, shown_rows),
        "rungs": rungs(rows),
        "gate": gate(inputs, rows),
        "family": family(inputs),
        "along": along_figure(inputs),
        "search-curves": search_curves(inputs, shown_rows),
        "family-curves": family_curves(inputs),
    }
    return {key: drawing for key, drawing in drawings.items() if drawing is not None}


def _standings(shown_rows: Sequence[ReportRow]) -> go.Figure | None:
    """Draw one line per candidate, best on top: its mean, its interval, its single scores."""
    scored = [row for row in shown_rows if row.standing.mean is not None]
    if not scored:
        return None
    positions = {row.standing.candidate: i for i, row in enumerate(scored)}
    scores = [
        (100 * score, positions[row.standing.candidate])
        for row in scored
        for score in row.standing.scores
    ]
    seeds = go.Scatter(
        x=[x for x, _ in scores],
        y=[y for _, y in scores],
        mode="markers",
        showlegend=False,
        marker={"symbol": "line-ns-open", "size": 9, "color": "rgba(127,127,127,0.75)"},
        hovertemplate="%{x:.2f} %<extra>one seed</extra>",
    )
    kinds = [_standing_marks(scored, positions, kind) for kind in LABELS]
    names = [f"<b>★ {row.name}</b>" if row.chosen else row.name for row in scored]
    axis = {
        "tickvals": list(positions.values()),
        "ticktext": names,
        "range": [len(scored) - 0.4, -0.6],
    }
    return figure(
        [seeds, *kinds],
        130 + 24 * len(scored),
        xaxis={"title": {"text": "accuracy, %"}, "zeroline": False},
        yaxis={**axis, "showgrid": False, "zeroline": False, "automargin": True},
        margin={"l": 20, "r": 20, "t": 56, "b": 56},
    )


def _standing_marks(
    scored: Sequence[ReportRow], positions: dict[str, int], kind: str
) -> go.Scatter | None:
    marked = [row for row in scored if row.kind == kind]
    if not marked:
        return None
    filled = [COLOURS[kind] if row.standing.tied else "rgba(127,127,127,0.12)" for row in marked]
    return go.Scatter(
        x=[100 * (row.standing.mean or 0) for row in marked],
        y=[positions[row.standing.candidate] for row in marked],
        mode="markers",
        name=LABELS[kind],
        error_x={**error_bars(marked), "color": COLOURS[kind]},
        marker={
            "symbol": SYMBOLS[kind],
            "size": 11,
            "color": filled,
            "line": {"color": COLOURS[kind], "width": 2},
        },
        hovertemplate=[hover(row) for row in marked],
    )


def _cost(inputs: ReportInputs, shown_rows: Sequence[ReportRow]) -> go.Figure | None:
    """Draw accuracy against cost, with buttons for the three ways to count cost."""
    base = baseline_row(inputs)
    scored = [
        row for row in (base, *shown_rows) if row is not None and row.standing.mean is not None
    ]
    groups = [[row for row in scored if row.kind == kind] for kind in LABELS]
    groups = [group for group in groups if group]
    search = inputs.spec.search
    if not groups or search is None:
        return None
    unit = FIRST_UNIT[search.budget.cost]
    chosen = [row for row in scored if row.chosen]
    star = [_cost_marks(chosen, unit, starred=True)] if chosen else []
    layers = [*groups, chosen] if chosen else groups
    order = [unit, *(unit_name for unit_name in UNITS if unit_name != unit)]
    return figure(
        [*(_cost_marks(group, unit) for group in groups), *star],
        520,
        xaxis={"type": "log", **_cost_axis(layers, unit)},
        yaxis={"title": {"text": "validation accuracy, %"}, "zeroline": False},
        margin={"l": 64, "r": 20, "t": 56, "b": 220},
        legend=BELOW,
        updatemenus=[_unit_menu(layers, order)],
    )


def _cost_axis(layers: Sequence[Sequence[ReportRow]], unit: str) -> dict[str, object]:
    costs = [_count(row.candidate, unit) for layer in layers for row in layer]
    return log_axis(f"{UNITS[unit]} an image (log scale)", costs, 1.08, short)


def _count(candidate: Candidate, unit: str) -> int:
    return {
        "macs": candidate.cost.macs,
        "activations": candidate.cost.activations,
        "params": candidate.cost.params,
    }[unit]


def _unit_menu(layers: Sequence[Sequence[ReportRow]], order: Sequence[str]) -> dict[str, object]:
    buttons = []
    for unit in order:
        costs = [[_count(row.candidate, unit) for row in layer] for layer in layers]
        axis = {f"xaxis.{key}": value for key, value in _cost_axis(layers, unit).items()}
        axis["xaxis.title.text"] = f"{UNITS[unit]} an image (log scale)"
        del axis["xaxis.title"]
        buttons.append({"label": UNITS[unit], "method": "update", "args": [{"x": costs}, axis]})
    side = {"x": 0, "xanchor": "left", "y": 1.04, "yanchor": "bottom", "pad": {"b": 2}}
    return {"type": "buttons", "direction": "right", "showactive": True, "buttons": buttons, **side}


def _cost_marks(group: Sequence[ReportRow], unit: str, starred: bool = False) -> go.Scatter:
    kind = group[0].kind
    star = {"symbol": "star", "size": 18, "color": GOLD, "line": {"color": "#5c4300", "width": 1}}
    plain = {"symbol": SYMBOLS[kind], "size": 11, "color": COLOURS[kind]}
    bars = {**error_bars(group), "color": COLOURS[kind]}
    return go.Scatter(
        x=[_count(row.candidate, unit) for row in group],
        y=[100 * (row.standing.mean or 0) for row in group],
        mode="markers",
        name="chosen" if starred else LABELS[kind],
        marker=star if starred else plain,
        error_y={"visible": False} if starred else bars,
        hovertemplate=[hover(row) for row in group],
    )
