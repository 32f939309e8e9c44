"""The figures of a report, as plotly figures; text and grid take the page's colours."""

from collections.abc import Sequence

import plotly.graph_objects as go

from compound.orchestrator.report.curves_figure import family_curves, search_curves
from compound.orchestrator.report.family_figure import family
from compound.orchestrator.report.figure_style import (
    COLOURS,
    GOLD,
    LABELS,
    SYMBOLS,
    error_bars,
    figure,
    hover,
    log_axis,
)
from compound.orchestrator.report.gate_figure import gate
from compound.orchestrator.report.inputs import ReportInputs, ReportRow, baseline_seat, report_rows
from compound.orchestrator.report.rungs_figure import rungs
from compound.orchestrator.report.ternary_figure import ternary
from compound.orchestrator.wording.numbers import short
from compound.schemas.architecture import Candidate

MOST = 30
"""Candidates that one figure shows and can still be read; controls are always among them."""
UNITS = {"macs": "MACs", "activations": "activations", "params": "parameters"}


def figures(inputs: ReportInputs) -> dict[str, go.Figure]:
    """Return every figure for which there are data, by the name of its place in the page."""
    everyone = report_rows(inputs)
    shown = [s for i, s in enumerate(everyone) if i < MOST or s.kind != "mix" or s.chosen]
    drawn = {
        "ternary": ternary(everyone, inputs.verdict),
        "standings": _standings(shown),
        "cost": _cost(inputs, shown),
        "rungs": rungs(everyone),
        "gate": gate(inputs, everyone),
        "family": family(inputs),
        "search-curves": search_curves(inputs, shown),
        "family-curves": family_curves(inputs),
    }
    return {place: one for place, one in drawn.items() if one is not None}


def _standings(shown: Sequence[ReportRow]) -> go.Figure | None:
    """Draw one line a candidate, best on top: its mean, its interval, its single scores."""
    scored = [seat for seat in shown if seat.standing.mean is not None]
    if not scored:
        return None
    rows = {seat.standing.candidate: i for i, seat in enumerate(scored)}
    scores = [
        (100 * score, rows[s.standing.candidate]) for s in scored for score in s.standing.scores
    ]
    seeds = go.Scatter(
        x=[x for x, _ in scores],
        y=[y for _, y in scores],
        mode="markers",
        showlegend=False,
        marker={"symbol": "line-ns-open", "size": 9, "color": "rgba(127,127,127,0.75)"},
        hovertemplate="%{x:.2f} %<extra>one seed</extra>",
    )
    kinds = [_standing_marks(scored, rows, kind) for kind in LABELS]
    names = [f"<b>★ {seat.name}</b>" if seat.chosen else seat.name for seat in scored]
    axis = {"tickvals": list(rows.values()), "ticktext": names, "range": [len(scored) - 0.4, -0.6]}
    return figure(
        [seeds, *kinds],
        130 + 24 * len(scored),
        xaxis={"title": {"text": "validation accuracy, %"}, "zeroline": False},
        yaxis={**axis, "showgrid": False, "zeroline": False, "automargin": True},
        margin={"l": 20, "r": 20, "t": 56, "b": 56},
    )


def _standing_marks(
    scored: Sequence[ReportRow], rows: dict[str, int], kind: str
) -> go.Scatter | None:
    ours = [seat for seat in scored if seat.kind == kind]
    if not ours:
        return None
    filled = [COLOURS[kind] if seat.standing.tied else "rgba(127,127,127,0.12)" for seat in ours]
    return go.Scatter(
        x=[100 * (seat.standing.mean or 0) for seat in ours],
        y=[rows[seat.standing.candidate] for seat in ours],
        mode="markers",
        name=LABELS[kind],
        error_x={**error_bars(ours), "color": COLOURS[kind]},
        marker={
            "symbol": SYMBOLS[kind],
            "size": 11,
            "color": filled,
            "line": {"color": COLOURS[kind], "width": 2},
        },
        hovertemplate=[hover(seat) for seat in ours],
    )


def _cost(inputs: ReportInputs, shown: Sequence[ReportRow]) -> go.Figure | None:
    """Draw accuracy against cost, with buttons for the three ways to count cost.

    A budget on memory or step time starts with activations, which go best with either.
    """
    base = baseline_seat(inputs)
    scored = [s for s in (base, *shown) if s is not None and s.standing.mean is not None]
    groups = [[seat for seat in scored if seat.kind == kind] for kind in LABELS]
    groups = [group for group in groups if group]
    search = inputs.spec.search
    if not groups or search is None:
        return None
    bound = search.budget.cost
    unit = bound if bound in UNITS else "activations"
    chosen = [seat for seat in scored if seat.chosen]
    crown = [_cost_marks(chosen, unit, crown=True)] if chosen else []
    layers = [*groups, chosen] if chosen else groups
    order = [unit, *(other for other in UNITS if other != unit)]
    return figure(
        [*(_cost_marks(group, unit) for group in groups), *crown],
        440,
        xaxis={"type": "log", **_cost_axis(layers, unit)},
        yaxis={"title": {"text": "validation accuracy, %"}, "zeroline": False},
        margin={"l": 64, "r": 20, "t": 56, "b": 110},
        legend={"orientation": "h", "y": -0.26, "yanchor": "top", "x": 0, "xanchor": "left"},
        updatemenus=[_unit_menu(layers, order)],
    )


def _cost_axis(layers: Sequence[Sequence[ReportRow]], unit: str) -> dict[str, object]:
    costs = [_count(seat.candidate, unit) for layer in layers for seat in layer]
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
        places = [[_count(seat.candidate, unit) for seat in layer] for layer in layers]
        axis = {f"xaxis.{key}": value for key, value in _cost_axis(layers, unit).items()}
        axis["xaxis.title.text"] = f"{UNITS[unit]} an image (log scale)"
        del axis["xaxis.title"]
        buttons.append({"label": UNITS[unit], "method": "update", "args": [{"x": places}, axis]})
    side = {"x": 0, "xanchor": "left", "y": 1.04, "yanchor": "bottom", "pad": {"b": 2}}
    return {"type": "buttons", "direction": "right", "showactive": True, "buttons": buttons, **side}


def _cost_marks(group: Sequence[ReportRow], unit: str, crown: bool = False) -> go.Scatter:
    kind = group[0].kind
    star = {"symbol": "star", "size": 18, "color": GOLD, "line": {"color": "#5c4300", "width": 1}}
    plain = {"symbol": SYMBOLS[kind], "size": 11, "color": COLOURS[kind]}
    bars = {**error_bars(group), "color": COLOURS[kind]}
    return go.Scatter(
        x=[_count(seat.candidate, unit) for seat in group],
        y=[100 * (seat.standing.mean or 0) for seat in group],
        mode="markers",
        name="chosen" if crown else LABELS[kind],
        marker=star if crown else plain,
        error_y={"visible": False} if crown else bars,
        hovertemplate=[hover(seat) for seat in group],
    )
