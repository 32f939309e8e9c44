"""What all figures share: colours, symbols, hover texts, axes."""

from collections.abc import Callable, Sequence
from html import escape
from math import log10

from compound.orchestrator.report.inputs import ReportRow
from compound.orchestrator.wording.names import multipliers
from compound.orchestrator.wording.numbers import percent, short

COLOURS = {
    "mix": "#3a78b5",
    "depth": "#d55e00",
    "width": "#00916a",
    "resolution": "#b4599a",
    "published": "#7b61d9",
    "dwr": "#8a6d3b",
    "baseline": "#7d8590",
}
SYMBOLS = {
    "mix": "circle",
    "depth": "diamond-tall",
    "width": "diamond-wide",
    "resolution": "diamond",
    "published": "triangle-up",
    "dwr": "triangle-down",
    "baseline": "square",
}
LABELS = {
    "mix": "mix of axes",
    "depth": "depth alone",
    "width": "width alone",
    "resolution": "resolution alone",
    "published": "published split",
    "dwr": "dWr split",
    "baseline": "baseline",
}
GOLD = "#e0a100"
CLEAR = "rgba(0,0,0,0)"
SHOWN_TRIPLES = 4
BELOW: dict[str, object] = {
    "orientation": "h",
    "xref": "container",
    "x": 0,
    "xanchor": "left",
    "yref": "container",
    "y": 0,
    "yanchor": "bottom",
}
"""A legend under the title of the axis, at any width of the page; `figures.js` makes its room."""


def accuracy_axis(title: str = "validation accuracy, %", **more: object) -> dict[str, object]:
    """Return an axis of percentages: it has no ticks below 0 or above 100."""
    return {"title": {"text": title}, "zeroline": False, "minallowed": 0, "maxallowed": 100, **more}


def star(size: int) -> dict[str, object]:
    """Return the mark of the chosen network."""
    return {"symbol": "star", "size": size, "color": GOLD, "line": {"color": "#5c4300", "width": 1}}


def hover(row: ReportRow) -> str:
    """Return the hover text of a mark."""
    standing, candidate = row.standing, row.candidate
    accuracy = "no score" if standing.mean is None else f"accuracy {percent(standing.mean)}"
    if standing.low is not None and standing.high is not None:
        accuracy += f" ({percent(standing.low)} to {percent(standing.high)})"
    costs, network = candidate.cost, candidate.architecture
    lines = [
        f"<b>{escape(row.name)}</b>",
        accuracy,
        f"{standing.ratio:.2f}x the baseline's cost, {network.resolution} px",
        f"{short(costs.macs)} MACs, {short(costs.activations)} activations",
        *_origins(row),
    ]
    return "<br>".join(lines) + "<extra></extra>"


def _origins(row: ReportRow) -> list[str]:
    triples = row.candidate.triples
    lines = [f"design point {multipliers(triple)}" for triple in triples[:SHOWN_TRIPLES]]
    rest = len(triples) - len(lines)
    return [*lines, f"and {rest} more"] if rest else lines


def error_bars(rows: Sequence[ReportRow]) -> dict[str, object]:
    """Return the intervals of means, in percent, as plotly's asymmetric error bars."""
    up = [_reach(row.standing.high, row.standing.mean) for row in rows]
    down = [_reach(row.standing.mean, row.standing.low) for row in rows]
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "thickness": 1.4,
        "width": 0,
    }


def _reach(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else 100 * (high - low)


def folded(name: str) -> str:
    """Return a candidate's name in two lines: what it is stands under its label."""
    return name.replace(" (", "<br>(")


def percents(*fractions: float | None) -> list[float | None]:
    """Return fractions in percent as a figure's table shows them."""
    return [None if value is None else round(100 * value, 2) for value in fractions]


def log_axis(
    title: str, costs: Sequence[float], room: float, write: Callable[[float], str]
) -> dict[str, object]:
    """Return a log axis of costs that leaves a factor of `room` at its ends."""
    low, high = min(costs) / room, max(costs) * room
    inside = ticks(low, high)
    return {
        "type": "log",
        "title": {"text": title},
        "range": [log10(low), log10(high)],
        "tickvals": inside,
        "ticktext": [write(tick) for tick in inside],
    }


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two costs: few over decades, more within one."""
    narrow = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 6, 8), narrow):
        decades = range(int(log10(low)) - 1, int(log10(high)) + 2)
        ticks = [step * 10.0**power for power in decades for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= 4:
            break
    return inside or [low, high]
