"""The surface under the marks of the map: bands of equal expected accuracy, and its optimum."""

from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from compound.orchestrator.wording.numbers import percent
from compound.schemas.architecture import Coefficients, Shares
from compound.schemas.verdict import Optimum, Prediction, SurfaceValue

Place = tuple[float, float, float]
Corner = tuple[Place, float]
"""A place on the triangle with the accuracy there, in percent."""

BANDS = 12
FADED = 0.5
RED = "#c62828"
DOTS = "rgba(60,60,70,0.85)"


def relief(optimum: Optimum, scale: Mapping[str, object]) -> list[go.Scatterternary]:
    """Return the surface as filled bands, in the colours that the marks have."""
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
    """Return a dot for each place where the optimum may lie, larger where it is likelier."""
    if len(optimum.region) < 2:
        return None
    most = max(one.probability for one in optimum.region)
    sizes = [4 + 5 * (one.probability / most) ** 0.5 for one in optimum.region]
    told = [f"the optimum lies here with {one.probability:.1%}" for one in optimum.region]
    return _points(
        [one.shares for one in optimum.region],
        f"{100 * level:g} % region of the optimum",
        {"size": sizes, "color": DOTS, "symbol": "circle"},
        [text + "<extra></extra>" for text in told],
    )


def peak(optimum: Optimum) -> go.Scatterternary:
    """Return the mark of the surface's highest place."""
    shares = " / ".join(f"{100 * part:.0f}" for part in optimum.shares.split)
    told = (
        f"<b>optimum of the surface</b> ({optimum.surface})<br>{shares} % depth / width / "
        f"resolution<br>accuracy {percent(optimum.expected)} "
        f"({percent(optimum.low)} to {percent(optimum.high)})<extra></extra>"
    )
    marker = {"size": 15, "symbol": "cross-thin", "line": {"width": 3, "color": RED}}
    return _points([optimum.shares], "optimum of the surface", marker, [told])


def untried(predictions: Sequence[Prediction], most: int) -> go.Scatterternary | None:
    """Return hollow marks of the untried networks that promise the largest improvement."""
    shown = [one for one in predictions[:most] if one.improvement > 0]
    if not shown:
        return None
    told = [
        f"<b>{_triple(one.coefficients)}</b>, not trained<br>expected accuracy "
        f"{percent(one.expected)} ({percent(one.low)} to {percent(one.high)})<br>"
        f"expected improvement {100 * one.improvement:.2f} points<extra></extra>"
        for one in shown
    ]
    marker = {"size": 12, "symbol": "circle-open", "color": RED, "line": {"width": 2.5}}
    return _points([one.shares for one in shown], "worth trying next", marker, told)


def _triple(c: Coefficients) -> str:
    return f"{c.alpha:.2f} · {c.beta:.2f} · {c.gamma:.2f}"


def _ends(scale: Mapping[str, object]) -> tuple[float, float]:
    low, high = scale["cmin"], scale["cmax"]
    assert isinstance(low, float) and isinstance(high, float)
    return low, high


def _cells(heights: Sequence[SurfaceValue]) -> Iterator[list[Corner]]:
    """Yield the small triangles of the lattice of which all three corners are known."""
    degree = _degree(heights)
    known = {_index(one.shares, degree): 100 * one.expected for one in heights}
    for d, w, r in known:
        up = ((d, w, r), (d - 1, w + 1, r), (d - 1, w, r + 1))
        down = ((d, w, r), (d - 1, w + 1, r), (d, w + 1, r - 1))
        for cell in (up, down):
            if all(corner in known for corner in cell):
                yield [((a / degree, b / degree, c / degree), known[a, b, c]) for a, b, c in cell]


def _degree(heights: Sequence[SurfaceValue]) -> int:
    """Return what the shares of the lattice are multiples of: the inverse of the smallest."""
    parts = [part for one in heights for part in one.shares.split if part > 1e-9]
    return round(1 / min(parts)) if parts else 1


def _index(shares: Shares, degree: int) -> tuple[int, int, int]:
    d, w, r = (round(part * degree) for part in shares.split)
    return d, w, r


def _between(cell: list[Corner], floor: float, ceiling: float) -> list[Place]:
    """Return the part of a triangle between two heights (Sutherland and Hodgman 1974)."""
    above = _cut(cell, floor, 1)
    return [place for place, _ in _cut(above, ceiling, -1)]


def _cut(corners: list[Corner], limit: float, sign: int) -> list[Corner]:
    """Keep what is above a limit, or below it with a negative sign."""
    kept: list[Corner] = []
    for (here, value), (there, other) in zip(corners, corners[1:] + corners[:1], strict=True):
        inside, next_inside = sign * (value - limit) >= 0, sign * (other - limit) >= 0
        if inside:
            kept.append((here, value))
        if inside != next_inside:
            part = (limit - value) / (other - value)
            crossing = tuple(a + part * (b - a) for a, b in zip(here, there, strict=True))
            kept.append(((crossing[0], crossing[1], crossing[2]), limit))
    return kept


def _filled(pieces: Sequence[Sequence[Place]], colour: str) -> go.Scatterternary:
    """Return many closed shapes of one colour; a gap parts one from the next."""
    rows: list[tuple[float | None, ...]] = []
    for piece in pieces:
        rows += [tuple(round(part, 4) for part in place) for place in (*piece, piece[0])]
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
    places: Sequence[Shares], label: str, marker: Mapping[str, object], told: Sequence[str]
) -> go.Scatterternary:
    depth, width, resolution = zip(*(one.split for one in places), strict=True)
    return go.Scatterternary(
        a=depth,
        b=width,
        c=resolution,
        mode="markers",
        name=label,
        marker=marker,
        cliponaxis=False,
        hovertemplate=list(told),
    )
