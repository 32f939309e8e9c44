"""Accuracy against cost of several studies' networks, a line each."""

from collections.abc import Sequence
from typing import NamedTuple

from compound.orchestrator.live.charts.chart import (
    Chart,
    Json,
    axis,
    chart,
    drawable,
    text,
    without,
)
from compound.orchestrator.report.figures.figure_style import BELOW, log_axis
from compound.orchestrator.wording.numbers import percent, short

_COLOURS = ("#2f78b7", "#d55e00")
_ROOM = 1.25


class Trained(NamedTuple):
    """A network of a study's answer; accuracies are fractions of 1."""

    macs: float | None
    accuracy: float | None
    low: float | None = None
    high: float | None = None
    name: str = ""


def compared_families(sides: Sequence[tuple[str, Sequence[Trained]]]) -> Chart | None:
    """Draw the networks of studies by name; None without a network of any that has an accuracy."""
    sound = [
        (name, [n for n in networks if drawable(n.macs) and drawable(n.accuracy) and n.macs])
        for name, networks in sides
    ]
    costs = [network.macs or 0.0 for _, networks in sound for network in networks]
    if not costs:
        return None
    missing = sum(len(networks) for _, networks in sides) - len(costs)
    colours = zip(sound, _COLOURS, strict=False)
    return chart(
        [_line(name, networks, colour) for (name, networks), colour in colours if networks],
        400,
        f"Accuracy against cost of {' and '.join(name for name, _ in sides)}.",
        without(missing, "network", "an accuracy"),
        xaxis=log_axis("MACs an image (log scale)", costs, _ROOM, short),
        yaxis=axis("accuracy, %"),
        legend=BELOW,
    )


def _line(name: str, networks: Sequence[Trained], colour: str) -> Json:
    ordered = sorted(networks, key=lambda network: network.macs or 0.0)
    means = [100 * (network.accuracy or 0.0) for network in ordered]
    ends = [(n.low, n.high) if drawable(n.low) and drawable(n.high) else None for n in ordered]
    up = [100 * (e[1] or 0.0) - y if e else 0.0 for e, y in zip(ends, means, strict=True)]
    down = [y - 100 * (e[0] or 0.0) if e else 0.0 for e, y in zip(ends, means, strict=True)]
    return {
        "x": [network.macs for network in ordered],
        "y": means,
        "name": text(name),
        "showlegend": True,
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2},
        "marker": {"size": 9, "color": colour},
        "error_y": {"type": "data", "symmetric": False, "array": up, "arrayminus": down},
        "customdata": [text(network.name) for network in ordered],
        "hovertemplate": [
            f"<b>{text(name)}</b>, {text(n.name)}<br>{percent(n.accuracy or 0.0)}, "
            f"{short(n.macs or 0.0)} MACs<extra></extra>"
            for n in ordered
        ],
    }
