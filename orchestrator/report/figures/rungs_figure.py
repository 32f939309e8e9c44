"""The rungs of a search on the page: promotions, and the agreement of short schedules."""

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from compound.orchestrator.report.figures.figure_style import COLOURS, GOLD, LABELS, SYMBOLS, figure
from compound.orchestrator.report.inputs import ReportRow

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
