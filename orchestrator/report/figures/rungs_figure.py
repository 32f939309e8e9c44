"""The rungs of a search on the page: promotions, and the agreement of short schedules."""

from collections.abc import Sequence
from statistics import fmean

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    BELOW,
    COLOURS,
    LABELS,
    SYMBOLS,
    accuracy_axis,
    star,
)
from compound.orchestrator.report.inputs import ReportRow
from compound.orchestrator.wording.numbers import counted


def rungs(rows: Sequence[ReportRow]) -> Figure | None:
    """Draw accuracy after the whole schedule against that after a shorter one, by candidate."""
    on_both = [row for row in rows if row.standing.screened and row.standing.mean is not None]
    if len(on_both) < 2:
        return None
    plain = [row for row in on_both if not row.chosen]
    marks = [_marks([row for row in plain if row.kind == kind], kind) for kind in LABELS]
    chosen = [row for row in on_both if row.chosen]
    return figure(
        [*marks, _marks(chosen, "chosen")],
        340,
        f"Accuracy after the whole schedule against accuracy after a shorter one, of "
        f"{counted(len(on_both), 'network')}.",
        xaxis=accuracy_axis("accuracy after the short schedule, %"),
        yaxis=accuracy_axis("after the whole schedule, %"),
        legend=BELOW,
    )


def _marks(rows: Sequence[ReportRow], kind: str) -> Trace | None:
    if not rows:
        return None
    if kind == "chosen":
        label, marker = kind, star(18)
    else:
        label = LABELS[kind]
        marker = {"symbol": SYMBOLS[kind], "size": 11, "color": COLOURS[kind]}
    return scatter(
        [100 * fmean(row.standing.screened) for row in rows],
        [100 * (row.standing.mean or 0) for row in rows],
        customdata=[row.name for row in rows],
        cliponaxis=False,
        mode="markers",
        name=label,
        marker={**marker, "opacity": 1},
        hovertemplate=[
            f"{row.name}<br>short %{{x:.2f}} %, whole %{{y:.2f}} %<extra></extra>" for row in rows
        ],
    )
