"""The standings of a search: a line per candidate, with its interval and single scores."""

from collections.abc import Mapping, Sequence

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    COLOURS,
    LABELS,
    SYMBOLS,
    accuracy_axis,
    error_bars,
    folded,
    hover,
    percents,
)
from compound.orchestrator.report.inputs import ReportRow
from compound.orchestrator.wording.numbers import counted, percent

TICK = "rgba(127,127,127,0.75)"
FAINT = "rgba(127,127,127,0.12)"


def standings_figure(shown_rows: Sequence[ReportRow]) -> Figure | None:
    """Draw one line per candidate, best on top: its mean, its interval, its single scores."""
    scored = [row for row in shown_rows if row.standing.mean is not None]
    if not scored:
        return None
    positions = {row.standing.candidate: i for i, row in enumerate(scored)}
    names = [f"<b>★ {row.name}</b>" if row.chosen else row.name for row in scored]
    axis = {
        "tickvals": [*positions.values()],
        "ticktext": names,
        "range": [len(scored) - 0.4, -0.6],
    }
    kinds = [_marks(scored, positions, kind) for kind in LABELS]
    return figure(
        [_seeds(scored, positions), *kinds],
        96 + 24 * len(scored),
        _alt(scored),
        xaxis=accuracy_axis("accuracy, %"),
        yaxis={**axis, "showgrid": False, "zeroline": False, "automargin": True},
        margin={"l": 12, "r": 20, "t": 12, "b": 56},
        showlegend=False,
        columns=("candidate", "value", "accuracy, %", "interval from, %", "to, %"),
        narrow={
            "height": 96 + 31 * len(scored),
            "yaxis": {"ticktext": [*map(folded, names)], "tickfont": {"size": 11}},
        },
    )


def _alt(scored: Sequence[ReportRow]) -> str:
    best, tied = scored[0], sum(row.standing.tied for row in scored)
    return (
        f"Mean accuracies of {counted(len(scored), 'candidate')} with their intervals, best first. "
        f"{best.name} has the best mean, {percent(best.standing.mean or 0.0)}; "
        f"{tied} {'is' if tied == 1 else 'are'} in the tied set."
    )


def _seeds(scored: Sequence[ReportRow], positions: Mapping[str, int]) -> Trace:
    scores = [(row, score) for row in scored for score in row.standing.scores]
    return scatter(
        [100 * score for _, score in scores],
        [positions[row.standing.candidate] for row, _ in scores],
        customdata=[
            [row.name, "single seed", *percents(score, None, None)] for row, score in scores
        ],
        mode="markers",
        name="single seed",
        cliponaxis=False,
        marker={"symbol": "line-ns-open", "size": 9, "color": TICK},
        hovertemplate="%{x:.2f} %<extra>one seed</extra>",
    )


def _marks(scored: Sequence[ReportRow], positions: Mapping[str, int], kind: str) -> Trace | None:
    marked = [row for row in scored if row.kind == kind]
    if not marked:
        return None
    return scatter(
        [100 * (row.standing.mean or 0) for row in marked],
        [positions[row.standing.candidate] for row in marked],
        mode="markers",
        name=LABELS[kind],
        ids=[row.candidate.id for row in marked],
        cliponaxis=False,
        error_x={**error_bars(marked), "color": COLOURS[kind]},
        marker={
            "symbol": SYMBOLS[kind],
            "size": 11,
            "color": [COLOURS[kind] if row.standing.tied else FAINT for row in marked],
            "line": {"color": COLOURS[kind], "width": 2},
        },
        customdata=[_numbers(row) for row in marked],
        hovertemplate=[hover(row) for row in marked],
    )


def _numbers(row: ReportRow) -> list[object]:
    """Return a candidate's row in the table of the figure."""
    standing = row.standing
    name = f"{row.name} (chosen)" if row.chosen else row.name
    return [name, "mean", *percents(standing.mean, standing.low, standing.high)]
