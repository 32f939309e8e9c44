"""The ways of scaling at equal cost: accuracy over cost, a curve a way, and the table of it.

The paper's Figures 3 and 8 from one's own data, with intervals.
"""

from collections.abc import Sequence

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    BELOW,
    COLOURS,
    SYMBOLS,
    accuracy_axis,
    log_axis,
)
from compound.orchestrator.report.inputs import PHI, ReportInputs
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.numbers import percent, short
from compound.schemas.architecture import Way
from compound.schemas.outcomes.along import WayPoint, WaysCompared

APART = 1.025
"""Factor of cost by which marks of one phi are moved apart, so that intervals can be read."""
ROOM = 1.3


def along_figure(inputs: ReportInputs) -> Figure | None:
    """Draw a curve a way from the baseline on; None without a score of two ways."""
    compared = inputs.along
    if compared is None:
        return None
    scored = [point for point in compared.points if point.mean is not None]
    ways = [way for way in WAYS if any(point.along == way for point in scored)]
    if len(ways) < 2:
        return None
    costs = [point.ratio for point in scored] + [1.0] * bool(compared.baseline)
    axis = log_axis("cost over the baseline's (log scale)", costs, ROOM, lambda x: f"{x:g}x")
    middle = (len(ways) - 1) / 2
    curves = [
        _curve(way, [point for point in scored if point.along == way], compared, i - middle)
        for i, way in enumerate(ways)
    ]
    return figure(
        [*curves[1:], curves[0], *_baseline(compared)],
        380,
        f"Validation accuracy over cost, a line with intervals for each of {len(ways)} ways of "
        f"scaling: {', '.join(WAYS[way] for way in ways)}.",
        xaxis=axis,
        yaxis=accuracy_axis(),
        legend=BELOW,
    )


def _curve(way: Way, line: Sequence[WayPoint], compared: WaysCompared, steps: float) -> Trace:
    colour = COLOURS["mix" if way == "choice" else way]
    ordered = sorted(line, key=lambda point: point.ratio)
    start = [(1.0, _mean(compared.baseline))] if compared.baseline else []
    means = [100 * (point.mean or 0.0) for point in ordered]
    up = [_reach(point.mean, point.high) for point in ordered]
    down = [_reach(point.low, point.mean) for point in ordered]
    hidden = [0.0] * len(start)
    return scatter(
        [x for x, _ in start] + [point.ratio * APART**steps for point in ordered],
        [y for _, y in start] + means,
        customdata=["baseline"] * len(start) + [f"{PHI} {point.phi:g}" for point in ordered],
        cliponaxis=False,
        mode="lines+markers",
        name=WAYS[way],
        line={"color": colour, "width": 3 if way == "choice" else 1.6},
        marker={
            "symbol": SYMBOLS["mix" if way == "choice" else way],
            "size": [0.0] * len(start) + [10.0] * len(ordered),
            "color": colour,
            # With sizes by point, plotly takes marks for bubbles: outlined, and half transparent.
            "opacity": 1,
            "line": {"width": 0},
        },
        error_y={
            "type": "data",
            "symmetric": False,
            "array": hidden + up,
            "arrayminus": hidden + down,
            "color": colour,
            "thickness": 1.3,
            "width": 3,
        },
        hovertemplate=["baseline<extra></extra>"] * len(start)
        + [_hover_text(point) for point in ordered],
    )


def _baseline(compared: WaysCompared) -> list[Trace]:
    if not compared.baseline:
        return []
    marker = {"symbol": "square", "size": 11, "color": COLOURS["baseline"]}
    y = [_mean(compared.baseline)]
    return [scatter([1.0], y, mode="markers", name="baseline", marker=marker, cliponaxis=False)]


def _mean(scores: Sequence[float]) -> float:
    return 100 * sum(scores) / len(scores)


def _reach(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None else 100 * (high - low)


def _hover_text(point: WayPoint) -> str:
    ends = ""
    if point.low is not None and point.high is not None:
        ends = f" ({percent(point.low)} to {percent(point.high)})"
    return "<br>".join(
        (
            f"{WAYS[point.along]}, {PHI} {point.phi:g}",
            f"accuracy {percent(point.mean or 0.0)}{ends}",
            f"{point.ratio:.2f}x the baseline's cost, {point.resolution} px",
            f"{short(point.cost.macs)} MACs, {short(point.cost.params)} parameters<extra></extra>",
        )
    )
