"""Learning curves, of the search and of the family."""

from collections.abc import Sequence
from typing import Any

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    BELOW,
    COLOURS,
    GOLD,
    LABELS,
    accuracy_axis,
)
from compound.orchestrator.report.inputs import (
    PHI,
    ReportInputs,
    ReportRow,
    baseline_row,
    jobs_of,
    mean_curve,
)
from compound.orchestrator.wording.numbers import counted, percent

Curve = Sequence[tuple[int, float]]
"""Epochs and accuracies as fractions."""
FAMILY_COLOURS = ("#6aa9dc", "#2f78b7", "#00916a", "#e0a100", "#d55e00", "#b4599a")


def search_curves(inputs: ReportInputs, shown_rows: Sequence[ReportRow]) -> Figure | None:
    """Draw accuracy by epoch, a line per candidate, controls and the choice emphasised."""
    base = baseline_row(inputs)
    rows = sorted(
        (row for row in (*shown_rows, base) if row), key=lambda row: (row.chosen, row.kind != "mix")
    )
    curves = [(row, mean_curve(inputs, jobs_of(inputs, row.candidate.id))) for row in rows]
    drawn = [(row, curve) for row, curve in curves if curve]
    firsts = {row.kind: row for row, _ in reversed(drawn) if not row.chosen}
    lines = [_curve(row, curve, firsts.get(row.kind) is row) for row, curve in drawn]
    alt = f"Learning curves of the search: {counted(len(lines), 'line')}, {_reached(curves)}"
    return figure(lines, 380, alt, **_epochs()) if lines else None


def _curve(row: ReportRow, curve: Curve, legend: bool) -> Trace:
    colour = GOLD if row.chosen else COLOURS[row.kind]
    plain = row.kind == "mix" and not row.chosen
    return _line(
        curve,
        name="chosen" if row.chosen else LABELS[row.kind],
        customdata=[row.name] * len(curve),
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


def _line(curve: Curve, **marks: Any) -> Trace:
    # A line through a single point is invisible.
    mode = "lines" if len(curve) > 1 else "markers"
    return scatter([e for e, _ in curve], [100 * value for _, value in curve], mode=mode, **marks)


def _epochs() -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "epoch"}, "zeroline": False, "rangemode": "nonnegative"},
        "yaxis": accuracy_axis(),
        "legend": BELOW,
    }


def _reached(curves: Sequence[tuple[object, Curve]]) -> str:
    """Say what the lines reach after their last epochs."""
    last = [curve[-1][1] for _, curve in curves if curve]
    if not last:
        return "none with a score."
    return f"from {percent(min(last))} to {percent(max(last))} validation accuracy at their ends."


def family_curves(inputs: ReportInputs) -> Figure | None:
    """Draw accuracy by epoch, a line per member of the family."""
    lines, curves = [], list[tuple[object, Curve]]()
    for position, member in enumerate(inputs.line):
        jobs = [planned.request.job.id for planned in member.jobs]
        curve = mean_curve(inputs, jobs)
        colour = FAMILY_COLOURS[position % len(FAMILY_COLOURS)]
        label = f"{PHI} {member.phi:g}"
        hover_text = f"{label}<br>epoch %{{x}}: %{{y:.1f}} %<extra></extra>"
        line = {"color": colour, "width": 2.4}
        if curve:
            curves.append((member, curve))
            lines.append(_line(curve, name=label, line=line, hovertemplate=hover_text))
    alt = f"Learning curves of the family: {counted(len(lines), 'line')}, {_reached(curves)}"
    return figure(lines, 380, alt, showlegend=True, **_epochs()) if lines else None
