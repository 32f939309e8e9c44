"""The metrics of a job over its epochs, a view for each metric."""

from collections.abc import Mapping, Sequence

from compound.orchestrator.live.charts.chart import Chart, Json, axis, chart, drawable, without
from compound.schemas.metrics import ACCURACY

_BLUE = "#2f78b7"

Points = Sequence[tuple[int, float | None]]
"""Epochs, and the metric after each; None or NaN where it is not known."""


def job_curves(metrics: Mapping[str, Points]) -> Chart | None:
    """Draw metrics by epoch, validation accuracy first; None without a number."""
    sound = {name: [p for p in points if drawable(p[1])] for name, points in metrics.items()}
    names = sorted((name for name, points in sound.items() if points), key=_first)
    if not names:
        return None
    views = [_view(name, sound[name]) for name in names]
    missing = sum(len(metrics[name]) - len(sound[name]) for name in names)
    return chart(
        [{**views[0]["data"][0], "line": {"color": _BLUE, "width": 2.4}, "showlegend": False}],
        340,
        f"Metrics by epoch: {', '.join(names)}.",
        without(missing, "value", "a number"),
        choices=views,
        xaxis=axis("epoch", rangemode="nonnegative"),
        yaxis=views[0]["layout"]["yaxis"],
    )


def _first(name: str) -> tuple[bool, str]:
    return (name != ACCURACY, name)


def _view(name: str, points: Points) -> Json:
    scale = 100 if name == ACCURACY else 1
    title = "validation accuracy, %" if name == ACCURACY else name
    data = {
        "x": [epoch for epoch, _ in points],
        "y": [scale * (value or 0.0) for _, value in points],
        "name": name,
        "mode": "lines+markers" if len(points) <= 40 else "lines",
        "hovertemplate": f"epoch %{{x}}: %{{y:.4~g}}<extra>{title}</extra>",
    }
    return {"label": name, "data": [data], "layout": {"yaxis": axis(title)}}
