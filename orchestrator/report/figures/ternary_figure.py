"""The map of a search: the shares of the extra compute of each realised network."""

from collections.abc import Sequence

import plotly.graph_objects as go

from compound.orchestrator.report.figures.figure_style import (
    CLEAR,
    GOLD,
    LABELS,
    SYMBOLS,
    figure,
    hover,
)
from compound.orchestrator.report.inputs import ReportRow
from compound.orchestrator.wording.names import triple
from compound.orchestrator.wording.numbers import percent
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


def ternary(rows: Sequence[ReportRow], verdict: Verdict | None = None) -> go.Figure | None:
    """Draw the candidates in the triangle of shares; None where none has a score.

    Untried networks are diamonds in the colour of what the verdict's surface expects of them.
    """
    with_shares = [row for row in rows if row.candidate.shares]
    scored = [row for row in with_shares if row.standing.mean is not None]
    if not scored:
        return None
    size = 19 if len(with_shares) <= CROWD else 12
    ring = {"size": 1.6 * size, "color": CLEAR, "line": {"color": GOLD, "width": 2.5}}
    missing = {"size": 11, "color": "#9aa0a6", "symbol": "x"}
    scale = _scale([100 * (row.standing.mean or 0) for row in scored])
    optimum = verdict.optimum if verdict else None
    marks = [
        _untried(verdict.predictions, scale) if verdict and optimum else None,
        _marks([row for row in scored if row.standing.tied], "tied with the best", ring, skip=True),
        _marks([row for row in with_shares if row.standing.mean is None], "no score", missing),
        *_kinds([row for row in scored if not row.chosen], scale, size),
        _marks([row for row in scored if row.chosen], "chosen", _star()),
        _optimum(optimum) if optimum else None,
    ]
    return figure(
        marks,
        600 if optimum else 560,
        ternary={"bgcolor": CLEAR, **_axes()},
        margin={"l": 56, "r": 64, "t": 110, "b": 70},
        legend=_legend(),
    )


def _legend() -> dict[str, object]:
    """Return a legend under the triangle, of two columns where there is room."""
    position = {"orientation": "h", "y": -0.11, "yanchor": "top", "x": 0.5, "xanchor": "center"}
    return {**position, "entrywidth": 160, "font": {"size": 12}}


def _kinds(
    rows: Sequence[ReportRow], scale: dict[str, object], size: int
) -> list[go.Scatterternary | None]:
    """Return the marks of mixes, single axes and named splits; the first has the colour bar."""
    groups = [(label, [row for row in rows if row.kind in kinds]) for label, kinds in GROUPS]
    drawn = [(label, group) for label, group in groups if group]
    return [
        _marks(group, label, _coloured(group, {**scale, "showscale": position == 0}, size))
        for position, (label, group) in enumerate(drawn)
    ]


def _axes() -> dict[str, object]:
    axis = {
        "tickvals": [0.25, 0.5, 0.75],
        "tickformat": ".0%",
        "min": 0,
        "ticks": "",
        "tickfont": {"size": 11},
        "layer": "below traces",
    }
    titles = {"aaxis": "<b>depth</b>", "baxis": "<b>width</b>", "caxis": "<b>resolution</b>"}
    return {key: {**axis, "title": {"text": text}} for key, text in titles.items()}


def _scale(accuracies: Sequence[float]) -> dict[str, object]:
    """Return one colour scale for all marks, with its bar above the triangle."""
    bar = {
        "title": {"text": "accuracy, %", "side": "bottom", "font": {"size": 12}},
        "orientation": "h",
        "thickness": 10,
        "len": 0.7,
        "x": 0.5,
        "xanchor": "center",
        "yref": "container",
        "y": 0.99,
        "yanchor": "top",
        "outlinewidth": 0,
        "nticks": 5,
    }
    low, high = min(accuracies), max(accuracies)
    return {
        "colorscale": "Viridis",
        "cmin": low,
        "cmax": high,
        "colorbar": bar,
        "showscale": True,
    }


def _coloured(rows: Sequence[ReportRow], scale: dict[str, object], size: int) -> dict[str, object]:
    return {
        **scale,
        "size": size,
        "symbol": [SYMBOLS[row.kind] for row in rows],
        "color": [100 * (row.standing.mean or 0) for row in rows],
        "line": {"color": OUTLINE, "width": 1},
    }


def _star() -> dict[str, object]:
    return {"size": 24, "symbol": "star", "color": GOLD, "line": {"color": "#5c4300", "width": 1}}


def _marks(
    rows: Sequence[ReportRow], label: str, marker: dict[str, object], skip: bool = False
) -> go.Scatterternary | None:
    if not rows:
        return None
    points = [row.candidate.shares for row in rows if row.candidate.shares]
    texts = None if skip else [hover(row) for row in rows]
    return _placed(points, label, marker, texts)


def _untried(
    predictions: Sequence[Prediction], scale: dict[str, object]
) -> go.Scatterternary | None:
    """Return the marks of untried networks; older studies predicted otherwise, and show none."""
    if not predictions or predictions[0].improvement is not None:
        return None
    marker = {
        **scale,
        "showscale": False,
        "size": 8,
        "symbol": "diamond",
        "color": [100 * prediction.expected for prediction in predictions],
        "line": {"color": OUTLINE, "width": 1},
    }
    texts = [
        _expected(p.coefficients, "not trained", p.expected, p.low, p.high) for p in predictions
    ]
    return _placed([p.shares for p in predictions], "not trained, predicted", marker, texts)


def _optimum(optimum: Optimum) -> go.Scatterternary | None:
    """Return the mark of the network that the surface expects the most of."""
    if optimum.coefficients is None:
        return None
    state = "best by the surface, trained" if optimum.trained else "best by the surface"
    text = _expected(optimum.coefficients, state, optimum.expected, optimum.low, optimum.high)
    marker = {"size": 15, "symbol": "cross-thin", "line": {"width": 3, "color": RED}}
    return _placed([optimum.shares], "best by the surface", marker, [text])


def _expected(c: Coefficients, state: str, expected: float, low: float, high: float) -> str:
    return (
        f"<b>{triple(c)}</b>, {state}<br>expected accuracy {percent(expected)} "
        f"({percent(low)} to {percent(high)})<extra></extra>"
    )


def _placed(
    points: Sequence[Shares], label: str, marker: dict[str, object], texts: list[str] | None
) -> go.Scatterternary:
    """Return marks at points; without texts, the mouse shows nothing."""
    depth, width, resolution = zip(*(_inside(shares) for shares in points), strict=True)
    hover_texts = {"hoverinfo": "skip"} if texts is None else {"hovertemplate": texts}
    return go.Scatterternary(
        a=depth,
        b=width,
        c=resolution,
        mode="markers",
        name=label,
        marker=marker,
        # By default plotly cuts marks in half at the border, where the single axes are.
        cliponaxis=False,
        **hover_texts,
    )


def _inside(shares: Shares) -> tuple[float, float, float]:
    """Rounding may leave a share a little below 0, outside of the triangle."""
    parts = [max(0.0, part) for part in (shares.depth, shares.width, shares.resolution)]
    total = sum(parts) or 1.0
    return parts[0] / total, parts[1] / total, parts[2] / total
