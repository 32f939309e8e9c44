"""The surface under the marks of the map: bands of equal expected accuracy, and its maximum."""

from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from compound.orchestrator.wording.numbers import percent, predicted
from compound.schemas.architecture import Coefficients, Shares
from compound.schemas.verdict import Optimum, Prediction, SurfaceValue

Point = tuple[float, float, float]
Corner = tuple[Point, float]
"""A point on the triangle with its accuracy, in percent."""

BANDS = 12
FADED = 0.5
RED = "#c62828"
DOTS = "rgba(60,60,70,0.85)"


def relief(optimum: Optimum, scale: Mapping[str, object]) -> list[go.Scatterternary]:
    """Return the surface as filled bands, in the colours of the marks."""
    low, high = _ends(scale)
    cells = list(_cells(optimum.heights))
    step = (high - low) / BANDS
    drawn = []
    for band in range(BANDS):
        floor = low + band * step if band else float("-inf")
        ceiling = low + (band + 1) * step if band < BANDS - 1 else float("inf")
        pieces = [piece for cell in cells if (piece := _between(cell, floor, ceiling))]
        if pieces:
            colour = sample_colorscale(str(scale["colorscale"]), (band + 0.5) / BANDS)[0]
            drawn.append(_filled(pieces, colour))
    return drawn


def region(optimum: Optimum, level: float) -> go.Scatterternary | None:
    """Return a dot for each point of the region, larger where the optimum is more probable."""
    if len(optimum.region) < 2:
        return None
    most = max(point.probability for point in optimum.region)
    sizes = [4 + 5 * (point.probability / most) ** 0.5 for point in optimum.region]
    texts = [
        f"the optimum is here with a probability of {point.probability:.1%}"
        for point in optimum.region
    ]
    return _points(
        [point.shares for point in optimum.region],
        f"{100 * level:g} % region of the optimum",
        {"size": sizes, "color": DOTS, "symbol": "circle"},
        [text + "<extra></extra>" for text in texts],
    )


def peak(optimum: Optimum) -> go.Scatterternary:
    """Return the mark of the surface's maximum."""
    shares = " / ".join(f"{100 * part:.0f}" for part in optimum.shares.split)
    text = (
        f"<b>optimum of the surface</b> ({optimum.surface})<br>{shares} % depth / width / "
        f"resolution<br>accuracy {predicted(optimum.expected)} "
        f"({percent(optimum.low)} to {percent(optimum.high)})<extra></extra>"
    )
    marker = {"size": 15, "symbol": "cross-thin", "line": {"width": 3, "color": RED}}
    return _points([optimum.shares], "optimum of the surface", marker, [text])


def untried(predictions: Sequence[Prediction], most: int) -> go.Scatterternary | None:
    """Return hollow marks of the untried networks with the largest expected improvement."""
    promising = [prediction for prediction in predictions[:most] if prediction.improvement > 0]
    if not promising:
        return None
    texts = [
        f"<b>{_triple(prediction.coefficients)}</b>, not trained<br>expected accuracy "
        f"{predicted(prediction.expected)} "
        f"({percent(prediction.low)} to {percent(prediction.high)})<br>"
        f"expected improvement {100 * prediction.improvement:.2f} points<extra></extra>"
        for prediction in promising
    ]
    marker = {"size": 12, "symbol": "circle-open", "color": RED, "line": {"width": 2.5}}
    return _points(
        [prediction.shares for prediction in promising], "worth trying next", marker, texts
    )


def _triple(c: Coefficients) -> str:
    return f"{c.alpha:.2f} · {c.beta:.2f} · {c.gamma:.2f}"


def _ends(scale: Mapping[str, object]) -> tuple[float, float]:
    low, high = scale["cmin"], scale["cmax"]
    assert isinstance(low, float) and isinstance(high, float)
    return low, high


def _cells(values: Sequence[SurfaceValue]) -> Iterator[list[Corner]]:
    """Yield the small triangles of the lattice whose three corners have a value."""
    degree = _degree(values)
    accuracies = {_index(value.shares, degree): 100 * value.expected for value in values}
    for d, w, r in accuracies:
        up = ((d, w, r), (d - 1, w + 1, r), (d - 1, w, r + 1))
        down = ((d, w, r), (d - 1, w + 1, r), (d, w + 1, r - 1))
        for cell in (up, down):
            if all(corner in accuracies for corner in cell):
                yield [
                    ((a / degree, b / degree, c / degree), accuracies[a, b, c]) for a, b, c in cell
                ]


def _degree(values: Sequence[SurfaceValue]) -> int:
    """Return the degree of the lattice: the inverse of its smallest share."""
    parts = [part for value in values for part in value.shares.split if part > 1e-9]
    return round(1 / min(parts)) if parts else 1


def _index(shares: Shares, degree: int) -> tuple[int, int, int]:
    d, w, r = (round(part * degree) for part in shares.split)
    return d, w, r


def _between(cell: list[Corner], floor: float, ceiling: float) -> list[Point]:
    """Return the part of a triangle between two heights (Sutherland and Hodgman 1974)."""
    above = _cut(cell, floor, 1)
    return [point for point, _ in _cut(above, ceiling, -1)]


def _cut(corners: list[Corner], limit: float, sign: int) -> list[Corner]:
    """Return the part above a limit, or below it with a negative sign."""
    inside_corners: list[Corner] = []
    for (point, value), (next_point, next_value) in zip(
        corners, corners[1:] + corners[:1], strict=True
    ):
        inside, next_inside = sign * (value - limit) >= 0, sign * (next_value - limit) >= 0
        if inside:
            inside_corners.append((point, value))
        if inside != next_inside:
            part = (limit - value) / (next_value - value)
            crossing = tuple(a + part * (b - a) for a, b in zip(point, next_point, strict=True))
            inside_corners.append(((crossing[0], crossing[1], crossing[2]), limit))
    return inside_corners


def _filled(pieces: Sequence[Sequence[Point]], colour: str) -> go.Scatterternary:
    """Return many closed shapes of one colour, with gaps between them."""
    rows: list[tuple[float | None, ...]] = []
    for piece in pieces:
        # Four digits are finer than a pixel, and keep the page small.
        rows += [tuple(round(part, 4) for part in point) for point in (*piece, piece[0])]
        rows.append((None, None, None))
    a, b, c = zip(*rows, strict=True)
    return go.Scatterternary(
        a=a,
        b=b,
        c=c,
        mode="lines",
        fill="toself",
        fillcolor=colour,
        line={"color": colour, "width": 0.7},
        opacity=FADED,
        hoverinfo="skip",
        showlegend=False,
    )


def _points(
    points: Sequence[Shares], label: str, marker: Mapping[str, object], texts: Sequence[str]
) -> go.Scatterternary:
    depth, width, resolution = zip(*(shares.split for shares in points), strict=True)
    return go.Scatterternary(
        a=depth,
        b=width,
        c=resolution,
        mode="markers",
        name=label,
        marker=marker,
        cliponaxis=False,
        hovertemplate=list(texts),
    )
