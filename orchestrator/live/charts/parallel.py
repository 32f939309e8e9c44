"""Parallel coordinates of a search's networks, a line each, drawn with scatter traces.

plotly's own trace for it needs WebGL, takes 7 to 11 s for 10,000 lines, and shows a block of ink.
"""

from collections.abc import Callable, Sequence
from math import log10
from typing import NamedTuple

from compound.orchestrator.live.charts.chart import (
    PALE,
    Chart,
    Json,
    broken,
    chart,
    drawable,
    hidden,
    text,
    without,
)
from compound.orchestrator.live.charts.networks import Network, best_first, selected
from compound.orchestrator.report.figures.figure_style import BELOW, COLOURS, GOLD, LABELS
from compound.orchestrator.wording.numbers import percent, short

MOST = 300
"""Lines that are drawn at most."""
_FIFTHS: tuple[tuple[str, str, float], ...] = (
    ("best fifth", "#2166a8", 1.8),
    ("second fifth", "#7fb2dd", 1.2),
    ("other networks", PALE, 0.8),
)
_WIDE = 10.0
"""A ratio of largest to least value from which on an axis is logarithmic."""


class _Axis(NamedTuple):
    title: str
    value: Callable[[Network], float]
    write: Callable[[float], str]


_AXES = (
    _Axis("alpha", lambda n: n.alpha, lambda v: f"{v:.2f}"),
    _Axis("beta", lambda n: n.beta, lambda v: f"{v:.2f}"),
    _Axis("gamma", lambda n: n.gamma, lambda v: f"{v:.2f}"),
    _Axis("MACs", lambda n: n.macs, short),
    _Axis("params", lambda n: n.params, short),
    _Axis("accuracy", lambda n: n.accuracy or 0.0, percent),
)


class _Scaled(NamedTuple):
    """An axis with its ends; from 0 at the lower one to 1 at the upper one."""

    axis: _Axis
    low: float
    high: float

    def height(self, network: Network) -> float:
        """Where a network crosses the axis; the middle where all are the same."""
        value = self.axis.value(network)
        if self.high <= self.low:
            return 0.5
        if self.low > 0 and self.high / self.low >= _WIDE:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def parallel_chart(networks: Sequence[Network], most: int = MOST) -> Chart | None:
    """Draw the best networks as lines over multipliers, costs and accuracy; None without a score.

    Colours are by the order of accuracy; controls have their own, the choice is gold.
    """
    sound = [n for n in best_first(networks) if all(drawable(a.value(n)) for a in _AXES)]
    if not sound:
        return None
    lines = selected(sound, most)
    scaled = [_scaled(axis, lines) for axis in _AXES]
    mixes = [n for n in lines if n.kind == "mix" and not n.chosen]
    first, second = -(-len(mixes) // 5), -(-2 * len(mixes) // 5)
    parts = (mixes[:first], mixes[first:second], mixes[second:])
    coloured = [
        _trace(part, scaled, {"name": name, "line": {"color": colour, "width": width}})
        for part, (name, colour, width) in zip(parts, _FIFTHS, strict=True)
    ]
    kinds = [_of_kind(lines, kind, scaled) for kind in LABELS if kind != "mix"]
    chosen = [n for n in lines if n.chosen]
    star = _trace(chosen, scaled, {"name": "chosen", "line": {"color": GOLD, "width": 4}})
    return chart(
        [_bars(), *reversed(coloured), *kinds, star],
        400,
        "Networks as lines over their multipliers, costs and accuracy.",
        hidden(len(lines), len(sound), "network", "The best and a sample of the rest:"),
        without(len(networks) - len(sound), "network", "a score"),
        xaxis={"visible": False, "range": [-0.35, len(_AXES) - 0.65], "fixedrange": True},
        yaxis={"visible": False, "range": [-0.12, 1.16], "fixedrange": True},
        annotations=[note for position, end in enumerate(scaled) for note in _ends(position, end)],
        legend=BELOW,
        hovermode="closest",
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        columns=("network", *(axis.title for axis in _AXES)),
    )


def _scaled(axis: _Axis, networks: Sequence[Network]) -> _Scaled:
    values = [axis.value(network) for network in networks]
    return _Scaled(axis, min(values), max(values))


def _of_kind(networks: Sequence[Network], kind: str, scaled: Sequence[_Scaled]) -> Json | None:
    lines = [network for network in networks if network.kind == kind and not network.chosen]
    return _trace(
        lines, scaled, {"name": LABELS[kind], "line": {"color": COLOURS[kind], "width": 2.4}}
    )


def _trace(networks: Sequence[Network], scaled: Sequence[_Scaled], style: Json) -> Json | None:
    if not networks:
        return None
    positions = range(len(scaled))
    return {
        "x": broken([*positions] for _ in networks),
        "y": broken([end.height(network) for end in scaled] for network in networks),
        "ids": broken([network.id] * len(scaled) for network in networks),
        "customdata": [[text(n.name), *(axis.value(n) for axis in _AXES)] for n in networks],
        "text": broken([_hover(network)] * len(scaled) for network in networks),
        "mode": "lines",
        "hovertemplate": "%{text}<extra></extra>",
        **style,
    }


def _hover(network: Network) -> str:
    parts = [f"{axis.title} {axis.write(axis.value(network))}" for axis in _AXES]
    return f"<b>{text(network.name)}</b><br>{', '.join(parts[3:])}"


def _bars() -> Json:
    """Return the axes themselves."""
    positions = range(len(_AXES))
    return {
        "x": broken([position, position] for position in positions),
        "y": broken([0, 1] for _ in positions),
        "mode": "lines",
        "line": {"color": PALE, "width": 1},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _ends(position: int, end: _Scaled) -> list[Json]:
    """Return the name of an axis, and the values at its ends."""
    plain = {"x": position, "showarrow": False, "font": {"size": 12}}
    return [
        {**plain, "y": 1.12, "text": f"<b>{end.axis.title}</b>"},
        {**plain, "y": 1.05, "text": end.axis.write(end.high)},
        {**plain, "y": -0.06, "text": end.axis.write(end.low)},
    ]
