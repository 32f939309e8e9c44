"""What all figures share: colours, symbols, hover texts, an empty figure."""

from collections.abc import Iterable, Sequence
from html import escape

import plotly.graph_objects as go

from compound.orchestrator.report.inputs import Seat
from compound.orchestrator.wording.names import multipliers
from compound.orchestrator.wording.numbers import percent, short

COLOURS = {
    "mix": "#3a78b5",
    "depth": "#d55e00",
    "width": "#00916a",
    "resolution": "#b4599a",
    "published": "#6a51c7",
    "dwr": "#8a6d3b",
    "baseline": "#7d8590",
}
SYMBOLS = {
    "mix": "circle",
    "depth": "diamond",
    "width": "diamond",
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


def figure(data: Iterable[go.Scatter | None], height: int, **layout: object) -> go.Figure:
    """Return a figure without colours of its own; marks that are None are left out."""
    drawn = go.Figure([mark for mark in data if mark is not None])
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"}
    drawn.update_layout(
        template="none",
        height=height,
        margin={"l": 64, "r": 20, "t": 40, "b": 56},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        legend=legend,
        hoverlabel={"align": "left"},
    )
    drawn.update_layout(**layout)
    return drawn


def hover(seat: Seat) -> str:
    """Return what a mark tells when the pointer rests on it."""
    standing, candidate = seat.standing, seat.candidate
    told = "no score" if standing.mean is None else f"accuracy {percent(standing.mean)}"
    if standing.low is not None and standing.high is not None:
        told += f" ({percent(standing.low)} to {percent(standing.high)})"
    costs, network = candidate.cost, candidate.architecture
    lines = [
        f"<b>{escape(seat.name)}</b>",
        told,
        f"{standing.ratio:.2f}x the baseline's cost, {network.resolution} px",
        f"{short(costs.macs)} MACs, {short(costs.activations)} activations",
        *_origins(seat),
    ]
    return "<br>".join(lines) + "<extra></extra>"


def _origins(seat: Seat) -> list[str]:
    triples = seat.candidate.triples
    lines = [f"design point {multipliers(triple)}" for triple in triples[:SHOWN_TRIPLES]]
    rest = len(triples) - len(lines)
    return [*lines, f"and {rest} more"] if rest else lines


def error_bars(seats: Sequence[Seat]) -> dict[str, object]:
    """Return the intervals of means, in percent, as plotly's asymmetric error bars."""
    up = [_reach(seat.standing.high, seat.standing.mean) for seat in seats]
    down = [_reach(seat.standing.mean, seat.standing.low) for seat in seats]
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
