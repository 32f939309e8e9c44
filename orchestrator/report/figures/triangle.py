"""Where shares of depth, width and resolution lie in a triangle: the ternary plot.

Shares are barycentric coordinates. The triangle has sides of 1: everything to depth is its top,
everything to width its left corner at (0, 0), everything to resolution its right one at (1, 0).
"""

from math import sqrt
from typing import Any

from compound.schemas.architecture import Shares

HEIGHT = sqrt(3) / 2
TICKS = (0.25, 0.5, 0.75)
ASIDE = 0.085
"""Distance of a tick's text from its side."""
Point = tuple[float, float]


def point_of(shares: Shares) -> Point:
    """Return x and y. Rounding may leave a share a little below 0: it counts as 0."""
    parts = [max(0.0, part) for part in (shares.depth, shares.width, shares.resolution)]
    total = sum(parts) or 1.0
    return _point(parts[0] / total, parts[2] / total)


def _point(depth: float, resolution: float) -> Point:
    return resolution + depth / 2, depth * HEIGHT


def frame() -> list[dict[str, Any]]:
    """Return plotly's shapes of the sides and of the lines of equal shares, under the marks."""
    sides = [
        (_point(1, 0), _point(0, 0)),
        (_point(0, 0), _point(0, 1)),
        (_point(0, 1), _point(1, 0)),
    ]
    lines = [line for share in TICKS for line in _equal(share)]
    return [*(_line(*side, 1.6) for side in sides), *(_line(*line, 0.8) for line in lines)]


def _equal(share: float) -> list[tuple[Point, Point]]:
    """Return the lines of an equal share of depth, width and resolution."""
    rest = 1 - share
    return [
        (_point(share, 0), _point(share, rest)),
        (_point(0, rest), _point(rest, 0)),
        (_point(0, share), _point(rest, share)),
    ]


def _line(start: Point, end: Point, width: float) -> dict[str, Any]:
    (x0, y0), (x1, y1) = start, end
    ends = {"x0": x0, "y0": y0, "x1": x1, "y1": y1}
    return {"type": "line", "layer": "below", "line": {"width": width}, **ends}


def texts() -> list[dict[str, Any]]:
    """Return plotly's annotations: names at the corners, percentages along the lines they name."""
    names = ((0.5, HEIGHT + 0.09, "depth"), (0.0, -0.18, "width"), (1.0, -0.18, "resolution"))
    corners = [_text(x, y, f"<b>{name}</b>", 13) for x, y, name in names]
    return [*corners, *(text for share in TICKS for text in _percentages(share))]


def _percentages(share: float) -> list[dict[str, Any]]:
    """Return the texts of a share, each turned into the direction of its line."""
    rest, label = 1 - share, f"{100 * share:.0f} %"
    left, below, right = _point(share, 0), _point(0, rest), _point(rest, share)
    half, up = ASIDE / 2, ASIDE * HEIGHT
    return [
        _text(left[0] - ASIDE, left[1], label, 11),
        _text(below[0] + half, below[1] - up, label, 11, 60),
        _text(right[0] + half, right[1] + up, label, 11, -60),
    ]


def _text(x: float, y: float, text: str, size: int, angle: int = 0) -> dict[str, Any]:
    return {
        "x": x,
        "y": y,
        "text": text,
        "textangle": angle,
        "showarrow": False,
        "font": {"size": size},
    }
