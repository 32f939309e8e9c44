"""Learning curves: the best few with their names, the others thin."""

from collections.abc import Sequence
from typing import NamedTuple

from compound.orchestrator.live.charts.chart import (
    PALE,
    Chart,
    Json,
    axis,
    broken,
    chart,
    drawable,
    hidden,
    text,
    without,
)
from compound.orchestrator.report.figures.figure_style import BELOW, COLOURS, GOLD, LABELS

TOP, MOST = 8, 200
"""How many curves have a name, and how many are drawn at most."""
_SHADES = ("#1b4f80", "#2f78b7", "#5a9bd4", "#8fbde3", "#00738a", "#4aa5b5", "#5b5fc7", "#8d90dd")


class Curve(NamedTuple):
    """A network's accuracy by epoch, a fraction of 1, the mean over its seeds."""

    network: str
    name: str
    kind: str
    points: Sequence[tuple[int, float]]
    chosen: bool = False
    running: bool = False
    """Whether it is of a job that trains now, which has a name of its own."""

    @property
    def special(self) -> bool:
        """Whether it has a name wherever it stands: a control, the choice, a job that trains."""
        return self.chosen or self.running or self.kind != "mix"

    @property
    def last(self) -> float:
        """The accuracy after the last epoch."""
        return self.points[-1][1]


def curves_chart(curves: Sequence[Curve], top: int = TOP, most: int = MOST) -> Chart | None:
    """Draw the best `top` curves, the controls and the choice with names, and others thin.

    None without a point. Points that are not finite are left out.
    """
    sound = [curve for curve in map(_finite, curves) if curve.points]
    ordered = sorted(sound, key=lambda curve: curve.last, reverse=True)
    named = [c for i, c in enumerate(ordered) if i < top or c.special]
    rest = [c for i, c in enumerate(ordered) if i >= top and not c.special]
    thin = rest[: max(0, most - len(named))]
    shades = iter(_SHADES * (1 + len(named) // len(_SHADES)))
    lines = [_line(curve, next(shades) if curve.kind == "mix" else "") for curve in named]
    notes = (
        f"The {len(named):,} with a name are the best {min(top, len(sound)):,}, "
        "the controls, the choice, and what trains now." * bool(rest),
        hidden(len(named) + len(thin), len(sound), "network"),
        without(len(curves) - len(sound), "network", "a finished epoch"),
    )
    return chart(
        [_thin(thin), *reversed(lines)],
        400,
        "Learning curves: validation accuracy after every epoch.",
        *notes,
        xaxis=axis("epoch", rangemode="nonnegative"),
        yaxis=axis("validation accuracy, %"),
        legend={**BELOW, "traceorder": "reversed"},
    )


def _finite(curve: Curve) -> Curve:
    points = [(epoch, value) for epoch, value in curve.points if drawable(value)]
    return curve._replace(points=points)


def _line(curve: Curve, shade: str) -> Json:
    colour = GOLD if curve.chosen else shade or COLOURS[curve.kind]
    name = text(curve.name) if curve.kind == "mix" else LABELS[curve.kind]
    return {
        "x": [epoch for epoch, _ in curve.points],
        "y": [100 * value for _, value in curve.points],
        # A line through a single point is invisible.
        "mode": "lines" if len(curve.points) > 1 else "markers",
        "name": name + (" (chosen)" if curve.chosen else " (training)" if curve.running else ""),
        "meta": curve.network,
        "showlegend": True,
        "line": {
            "color": colour,
            "width": 3 if curve.chosen else 2,
            "dash": "dash" if curve.running else "dot" if curve.kind == "baseline" else "solid",
        },
        "hovertemplate": f"{text(curve.name)}<br>epoch %{{x}}: %{{y:.1f}} %<extra></extra>",
    }


def _thin(curves: Sequence[Curve]) -> Json | None:
    """Return curves without names as a single trace: a trace each takes seconds to draw."""
    if not curves:
        return None
    alone = all(len(curve.points) == 1 for curve in curves)
    return {
        "x": broken([epoch for epoch, _ in curve.points] for curve in curves),
        "y": broken([100 * value for _, value in curve.points] for curve in curves),
        "mode": "markers" if alone else "lines",
        "name": "other networks",
        "showlegend": True,
        "line": {"color": PALE, "width": 1},
        "marker": {"color": PALE, "size": 4},
        "hoverinfo": "skip",
    }
