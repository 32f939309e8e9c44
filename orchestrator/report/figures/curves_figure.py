"""Learning curves, of the search and of the family."""

from collections.abc import Sequence

import plotly.graph_objects as go

from compound.orchestrator.report.figures.figure_style import COLOURS, GOLD, LABELS, figure
from compound.orchestrator.report.inputs import (
    PHI,
    ReportInputs,
    ReportRow,
    baseline_row,
    jobs_of,
    mean_curve,
)

FAMILY_COLOURS = ("#6aa9dc", "#2f78b7", "#00916a", "#e0a100", "#d55e00", "#b4599a")


def search_curves(inputs: ReportInputs, shown_rows: Sequence[ReportRow]) -> go.Figure | None:
    """Draw accuracy by epoch, a line per candidate, controls and the choice emphasised."""
    base = baseline_row(inputs)
    rows = sorted(
        (row for row in (*shown_rows, base) if row), key=lambda row: (row.chosen, row.kind != "mix")
    )
    curves = [(row, mean_curve(inputs, jobs_of(inputs, row.candidate.id))) for row in rows]
    drawn = [(row, curve) for row, curve in curves if curve]
    firsts = {row.kind: row for row, _ in reversed(drawn) if not row.chosen}
    lines = [_curve(row, curve, firsts.get(row.kind) is row) for row, curve in drawn]
    return figure(lines, 400, **_epochs()) if lines else None


def _curve(row: ReportRow, curve: Sequence[tuple[int, float]], legend: bool) -> go.Scatter:
    colour = GOLD if row.chosen else COLOURS[row.kind]
    plain = row.kind == "mix" and not row.chosen
    return go.Scatter(
        **_line(curve),
        name="chosen" if row.chosen else LABELS[row.kind],
        legendgroup="chosen" if row.chosen else row.kind,
        showlegend=legend or row.chosen,
        opacity=0.45 if plain else 1,
        line={
            "color": colour,
            "width": 1.2 if plain else 3 if row.chosen else 2.2,
            "dash": "dot" if row.kind == "baseline" else "solid",
        },
        hovertemplate=f"{row.name}<br>epoch %{{x}}: %{{y:.1f}} %<extra></extra>",
    )


def _line(curve: Sequence[tuple[int, float]]) -> dict[str, object]:
    # A line through a single point is invisible.
    mode = "lines" if len(curve) > 1 else "markers"
    return {"x": [e for e, _ in curve], "y": [100 * value for _, value in curve], "mode": mode}


def _epochs() -> dict[str, object]:
    return {
        "xaxis": {"title": {"text": "epoch"}, "zeroline": False, "rangemode": "nonnegative"},
        "yaxis": {"title": {"text": "validation accuracy, %"}, "zeroline": False},
    }


def family_curves(inputs: ReportInputs) -> go.Figure | None:
    """Draw accuracy by epoch, a line per member of the family."""
    lines = []
    for position, member in enumerate(inputs.line):
        jobs = [planned.request.job.id for planned in member.jobs]
        curve = mean_curve(inputs, jobs)
        colour = FAMILY_COLOURS[position % len(FAMILY_COLOURS)]
        label = f"{PHI} {member.phi:g}"
        hover_text = f"{label}<br>epoch %{{x}}: %{{y:.1f}} %<extra></extra>"
        line = {"color": colour, "width": 2.4}
        if curve:
            lines.append(
                go.Scatter(**_line(curve), name=label, line=line, hovertemplate=hover_text)
            )
    return figure(lines, 400, showlegend=True, **_epochs()) if lines else None
