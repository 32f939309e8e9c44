"""The map of a search: the shares of the extra compute of each realised network."""

from collections.abc import Sequence
from typing import Any

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    BELOW,
    CLEAR,
    GOLD,
    LABELS,
    SYMBOLS,
    hover,
    star,
)
from compound.orchestrator.report.figures.triangle import HEIGHT, frame, point_of, texts
from compound.orchestrator.report.inputs import ReportRow
from compound.orchestrator.wording.names import triple
from compound.orchestrator.wording.numbers import counted, percent
from compound.schemas.architecture import AXES, Coefficients, Shares
from compound.schemas.verdict import Optimum, Prediction, Verdict

RED = "#c62828"
OUTLINE = "rgba(127,127,127,0.9)"
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (LABELS["mix"], ("mix",)),
    ("single axis", AXES),
    (LABELS["published"], ("published",)),
    (LABELS["dwr"], ("dwr",)),
)
"""Names in the legend with their kinds of candidates; the baseline has no shares."""
CROWD = 30
"""More candidates than this are drawn with smaller marks."""
COLUMNS = ("network", "shown as", "depth, %", "width, %", "resolution, %", "accuracy, %")
HIDDEN = {"visible": False, "fixedrange": True, "constrain": "domain"}


def ternary(rows: Sequence[ReportRow], verdict: Verdict | None = None) -> Figure | None:
    """Draw the candidates in the triangle of shares; None where none has a score.

    Untried networks are diamonds in the colour of what the verdict's surface expects of them.
    """
    with_shares = [row for row in rows if row.candidate.shares]
    scored = [row for row in with_shares if row.standing.mean is not None]
    if not scored:
        return None
    return figure(
        _all_marks(with_shares, scored, verdict),
        545,
        _alt(scored),
        xaxis={**HIDDEN, "range": [-0.16, 1.16]},
        # One unit is as long upwards as sideways, else it would be no triangle of equal sides.
        yaxis={**HIDDEN, "range": [-0.24, HEIGHT + 0.13], "scaleanchor": "x"},
        shapes=frame(),
        annotations=texts(),
        margin={"l": 8, "r": 8, "t": 72, "b": 8},
        legend=BELOW,
        columns=COLUMNS,
        narrow={"height": 366},
    )


def _alt(scored: Sequence[ReportRow]) -> str:
    best = max(scored, key=lambda row: row.standing.mean or 0.0)
    chosen = [f" The chosen network is {row.name}." for row in scored if row.chosen]
    return (
        "Triangle of the shares of depth, width and resolution in the extra compute, coloured by "
        f"accuracy. {counted(len(scored), 'network')}; the best mean, "
        f"{percent(best.standing.mean or 0.0)}, has {best.name}.{''.join(chosen)}"
    )


def _all_marks(
    with_shares: Sequence[ReportRow], scored: Sequence[ReportRow], verdict: Verdict | None
) -> list[Trace | None]:
    size = 19 if len(with_shares) <= CROWD else 12
    ring = {"size": 1.6 * size, "color": CLEAR, "line": {"color": GOLD, "width": 2.5}}
    missing = {"size": 11, "color": "#9aa0a6", "symbol": "x"}
    scale = _scale([100 * (row.standing.mean or 0) for row in scored])
    optimum = verdict.optimum if verdict else None
    return [
        _untried(verdict.predictions, scale) if verdict and optimum else None,
        _marks([row for row in scored if row.standing.tied], "tied with the best", ring, skip=True),
        _marks([row for row in with_shares if row.standing.mean is None], "no score", missing),
        *_kinds([row for row in scored if not row.chosen], scale, size),
        _marks([row for row in scored if row.chosen], "chosen", star(24)),
        _optimum(optimum) if optimum else None,
    ]


def _kinds(rows: Sequence[ReportRow], scale: dict[str, object], size: int) -> list[Trace | None]:
    """Return the marks of mixes, single axes and named splits; the first has the colour bar."""
    groups = [(label, [row for row in rows if row.kind in kinds]) for label, kinds in GROUPS]
    drawn = [(label, group) for label, group in groups if group]
    return [
        _marks(group, label, _coloured(group, {**scale, "showscale": position == 0}, size))
        for position, (label, group) in enumerate(drawn)
    ]


def _scale(accuracies: Sequence[float]) -> dict[str, object]:
    """Return one colour scale for all marks, with its bar above the triangle."""
    bar = {
        "title": {"text": "accuracy, %", "side": "bottom", "font": {"size": 12}},
        "orientation": "h",
        "thickness": 10,
        "len": 0.8,
        "x": 0.5,
        "xanchor": "center",
        "yref": "container",
        "y": 1,
        "yanchor": "top",
        "ypad": 2,
        "outlinewidth": 0,
        "nticks": 5,
    }
    low, high = min(accuracies), max(accuracies)
    if high - low < 0.1:
        low, high = max(0.0, low - 0.5), min(100.0, high + 0.5)
    return {"colorscale": "Viridis", "cmin": low, "cmax": high, "colorbar": bar, "showscale": True}


def _coloured(rows: Sequence[ReportRow], scale: dict[str, object], size: int) -> dict[str, object]:
    return {
        **scale,
        "size": size,
        "symbol": [SYMBOLS[row.kind] for row in rows],
        "color": [100 * (row.standing.mean or 0) for row in rows],
        "line": {"color": OUTLINE, "width": 1},
    }


def _marks(
    rows: Sequence[ReportRow], label: str, marker: dict[str, object], skip: bool = False
) -> Trace | None:
    if not rows:
        return None
    points = [row.candidate.shares for row in rows if row.candidate.shares]
    if skip:
        return _placed(points, label, marker, hoverinfo="skip")
    numbers = [
        _numbers(row.name, label, shares, row.standing.mean)
        for row, shares in zip(rows, points, strict=True)
    ]
    ids, hovers = [row.candidate.id for row in rows], [*map(hover, rows)]
    return _placed(points, label, marker, ids=ids, customdata=numbers, hovertemplate=hovers)


def _numbers(name: str, label: str, shares: Shares, accuracy: float | None) -> list[object]:
    """Return a point's row in the table of the figure."""
    parts = (shares.depth, shares.width, shares.resolution)
    percents = [round(100 * max(0.0, part), 1) for part in parts]
    return [name, label, *percents, None if accuracy is None else round(100 * accuracy, 2)]


def _untried(predictions: Sequence[Prediction], scale: dict[str, object]) -> Trace | None:
    """Return the marks of untried networks; older studies predicted otherwise, and show none."""
    if not predictions or predictions[0].improvement is not None:
        return None
    label = "not trained, predicted"
    marker = {
        **scale,
        "showscale": False,
        "size": 8,
        "symbol": "diamond",
        "color": [100 * prediction.expected for prediction in predictions],
        "line": {"color": OUTLINE, "width": 1},
    }
    return _placed(
        [p.shares for p in predictions],
        label,
        marker,
        customdata=[
            _numbers(triple(p.coefficients), label, p.shares, p.expected) for p in predictions
        ],
        hovertemplate=[
            _expected(p.coefficients, "not trained", p.expected, p.low, p.high) for p in predictions
        ],
    )


def _optimum(optimum: Optimum) -> Trace | None:
    """Return the mark of the network that the surface expects the most of."""
    if optimum.coefficients is None:
        return None
    label = "best by the surface"
    state = f"{label}, trained" if optimum.trained else label
    text = _expected(optimum.coefficients, state, optimum.expected, optimum.low, optimum.high)
    marker = {"size": 15, "symbol": "cross-thin", "line": {"width": 3, "color": RED}}
    numbers = [_numbers(triple(optimum.coefficients), state, optimum.shares, optimum.expected)]
    return _placed([optimum.shares], label, marker, customdata=numbers, hovertemplate=[text])


def _expected(c: Coefficients, state: str, expected: float, low: float, high: float) -> str:
    return (
        f"<b>{triple(c)}</b>, {state}<br>expected accuracy {percent(expected)} "
        f"({percent(low)} to {percent(high)})<extra></extra>"
    )


def _placed(points: Sequence[Shares], label: str, marker: dict[str, object], **more: Any) -> Trace:
    x, y = zip(*(point_of(shares) for shares in points), strict=True)
    # By default plotly cuts marks in half at the border of the plot.
    marks = {"mode": "markers", "name": label, "marker": marker, "cliponaxis": False}
    return scatter(x, y, **marks, **more)
