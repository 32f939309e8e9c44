"""Accuracy against cost, with a view for each of the three ways to count cost."""

from collections.abc import Sequence

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    BELOW,
    COLOURS,
    LABELS,
    SYMBOLS,
    accuracy_axis,
    error_bars,
    hover,
    log_axis,
    star,
)
from compound.orchestrator.report.inputs import ReportInputs, ReportRow, baseline_row
from compound.orchestrator.wording.numbers import counted, short
from compound.schemas.architecture import Candidate
from compound.schemas.design import CostUnit

UNITS = {"macs": "MACs", "activations": "activations", "params": "parameters"}
FIRST_UNIT: dict[CostUnit, str] = {
    "macs": "macs",
    "params": "params",
    "activations": "activations",
    "memory": "activations",
    "step_time": "activations",
}
"""The unit that the figure shows first, by the unit of the budget. Memory and step time are no
counts: activations correlate best with both."""
ROOM = 1.08

Layers = Sequence[Sequence[ReportRow]]


def cost_figure(inputs: ReportInputs, shown_rows: Sequence[ReportRow]) -> Figure | None:
    """Draw accuracy against cost; None without a score."""
    base, search = baseline_row(inputs), inputs.spec.search
    scored = [
        row for row in (base, *shown_rows) if row is not None and row.standing.mean is not None
    ]
    if not scored or search is None:
        return None
    groups = [[row for row in scored if row.kind == kind] for kind in LABELS]
    chosen = [row for row in scored if row.chosen]
    layers = [group for group in (*groups, chosen) if group]
    first = FIRST_UNIT[search.budget.cost]
    order = [first, *(unit for unit in UNITS if unit != first)]
    marks = [_marks(group, first) for group in (layers[:-1] if chosen else layers)]
    starred = [_star(chosen, first)] if chosen else []
    return figure(
        [*marks, *starred],
        380,
        f"Accuracy against cost on a log scale: {counted(len(scored), 'network')} with intervals.",
        xaxis=_axis(layers, first),
        yaxis=accuracy_axis(),
        meta=_columns(first),
        legend=BELOW,
        choices=[_choice(layers, unit) for unit in order],
    )


def _axis(layers: Layers, unit: str) -> dict[str, object]:
    costs = [_count(row.candidate, unit) for layer in layers for row in layer]
    return log_axis(f"{UNITS[unit]} an image (log scale)", costs, ROOM, short)


def _choice(layers: Layers, unit: str) -> dict[str, object]:
    costs = [{"x": [_count(row.candidate, unit) for row in layer]} for layer in layers]
    layout = {"xaxis": _axis(layers, unit), "meta": _columns(unit)}
    return {"label": UNITS[unit], "data": costs, "layout": layout}


def _columns(unit: str) -> dict[str, object]:
    """Return which columns of the candidates the axes are: the live page filters by them."""
    return {"x": unit, "y": "accuracy", "scale": 100}


def _count(candidate: Candidate, unit: str) -> int:
    return {
        "macs": candidate.cost.macs,
        "activations": candidate.cost.activations,
        "params": candidate.cost.params,
    }[unit]


def _marks(group: Sequence[ReportRow], unit: str) -> Trace:
    kind = group[0].kind
    marker = {"symbol": SYMBOLS[kind], "size": 11, "color": COLOURS[kind]}
    bars = {**error_bars(group), "color": COLOURS[kind]}
    return _layer(group, unit, name=LABELS[kind], marker=marker, error_y=bars)


def _star(chosen: Sequence[ReportRow], unit: str) -> Trace:
    return _layer(chosen, unit, name="chosen", marker=star(18))


def _layer(group: Sequence[ReportRow], unit: str, **marks: object) -> Trace:
    return scatter(
        [_count(row.candidate, unit) for row in group],
        [100 * (row.standing.mean or 0) for row in group],
        mode="markers",
        cliponaxis=False,
        ids=[row.candidate.id for row in group],
        customdata=[row.name for row in group],
        hovertemplate=[hover(row) for row in group],
        **marks,
    )
