"""Learning curves, of the search and of the family."""

from collections.abc import Sequence

import plotly.graph_objects as go

from compound.orchestrator.report.figure_style import COLOURS, GOLD, LABELS, figure
from compound.orchestrator.report.inputs import (
    PHI,
    ReportInputs,
    ReportRow,
    baseline_seat,
    jobs_of,
    mean_curve,
)

FAMILY_COLOURS = ("#6aa9dc", "#2f78b7", "#00916a", "#e0a100", "#d55e00", "#b4599a")


def search_curves(inputs: ReportInputs, shown: Sequence[ReportRow]) -> go.Figure | None:
    """Draw accuracy by epoch, a line a candidate: controls and the choice stand out."""
    base = baseline_seat(inputs)
    everyone = sorted((s for s in (*shown, base) if s), key=lambda s: (s.chosen, s.kind != "mix"))
    curves = [(seat, mean_curve(inputs, jobs_of(inputs, seat.candidate.id))) for seat in everyone]
    drawn = [(seat, curve) for seat, curve in curves if curve]
    firsts = {seat.kind: seat for seat, _ in reversed(drawn) if not seat.chosen}
    lines = [_curve(seat, curve, firsts.get(seat.kind) is seat) for seat, curve in drawn]
    return figure(lines, 400, **_epochs()) if lines else None


def _curve(seat: ReportRow, curve: Sequence[tuple[int, float]], legend: bool) -> go.Scatter:
    colour = GOLD if seat.chosen else COLOURS[seat.kind]
    plain = seat.kind == "mix" and not seat.chosen
    return go.Scatter(
        **_line(curve),
        name="chosen" if seat.chosen else LABELS[seat.kind],
        legendgroup="chosen" if seat.chosen else seat.kind,
        showlegend=legend or seat.chosen,
        opacity=0.45 if plain else 1,
        line={
            "color": colour,
            "width": 1.2 if plain else 3 if seat.chosen else 2.2,
            "dash": "dot" if seat.kind == "baseline" else "solid",
        },
        hovertemplate=f"{seat.name}<br>epoch %{{x}}: %{{y:.1f}} %<extra></extra>",
    )


def _line(curve: Sequence[tuple[int, float]]) -> dict[str, object]:
    mode = "lines" if len(curve) > 1 else "markers"
    return {"x": [e for e, _ in curve], "y": [100 * value for _, value in curve], "mode": mode}


def _epochs() -> dict[str, object]:
    return {
        "xaxis": {"title": {"text": "epoch"}, "zeroline": False, "rangemode": "nonnegative"},
        "yaxis": {"title": {"text": "validation accuracy, %"}, "zeroline": False},
    }


def family_curves(inputs: ReportInputs) -> go.Figure | None:
    """Draw accuracy by epoch, a line a member of the family."""
    lines = []
    for place, member in enumerate(inputs.family):
        jobs = [planned.request.job.id for planned in member.jobs]
        curve = mean_curve(inputs, jobs)
        colour = FAMILY_COLOURS[place % len(FAMILY_COLOURS)]
        label = f"{PHI} {member.phi:g}"
        told = f"{label}<br>epoch %{{x}}: %{{y:.1f}} %<extra></extra>"
        line = {"color": colour, "width": 2.4}
        if curve:
            lines.append(go.Scatter(**_line(curve), name=label, line=line, hovertemplate=told))
    return figure(lines, 400, showlegend=True, **_epochs()) if lines else None
