"""The gate on the page: every contender's place in the search and at the larger scale."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from compound.orchestrator.report.figure_style import COLOURS, GOLD, SYMBOLS, figure
from compound.orchestrator.report.inputs import ReportInputs, ReportRow
from compound.orchestrator.report.table_cells import Cell, Table, number, spans, text
from compound.schemas.gate import Contender, GateResult

LINE = 18
"""Least distance between two names, in pixels."""
FRAME = 64
"""Pixels above and below the lines."""
NAMES_AT = 1.14
ASIDE = 0.016
"""How far marks move aside, so that their intervals do not cover each other."""


def gate(inputs: ReportInputs, everyone: Sequence[ReportRow]) -> go.Figure | None:
    """Draw a line a contender from search to gate; None where fewer than two have a score."""
    if inputs.gate is None:
        return None
    seats = {seat.standing.candidate: seat for seat in everyone}
    shown = [one for one in inputs.gate.contenders if one.mean is not None]
    shown = [one for one in shown if one.candidate in seats]
    if len(shown) < 2:
        return None
    middle = fmean(one.searched for one in shown), fmean(one.mean or 0 for one in shown)
    places = {one.candidate: _height(one, middle) for one in shown}
    height = max(320, 150 + 44 * min(len(shown), 8))
    low, high = _range(places, shown, seats)
    names = _names(shown, seats, places, LINE * (high - low) / (height - FRAME))
    lines = _lines(shown, seats, places)
    return figure(lines, height, annotations=names, **_axes(inputs.gate.scale, low, high))


def _axes(scale: str, low: float, high: float) -> dict[str, object]:
    title = {"text": "points above the contenders' mean"}
    sides = {"tickvals": [0, 1], "ticktext": ["search", scale], "range": [-0.12, 1.75]}
    return {
        "xaxis": {**sides, "zeroline": False, "showgrid": False},
        "yaxis": {"title": title, "zeroline": False, "range": [low, high]},
        "showlegend": False,
        "margin": {"l": 64, "r": 10, "t": 24, "b": 40},
    }


def _lines(
    shown: Sequence[Contender],
    seats: Mapping[str, ReportRow],
    places: Mapping[str, tuple[float, float]],
) -> list[go.Scatter]:
    """Return the contenders' lines side by side, the chosen one's on top."""
    aside = {one.candidate: ASIDE * (n - (len(shown) - 1) / 2) for n, one in enumerate(shown)}
    ordered = sorted(shown, key=lambda one: seats[one.candidate].chosen)
    ids = [one.candidate for one in ordered]
    return [
        _line(one, seats[id_], places[id_], aside[id_])
        for one, id_ in zip(ordered, ids, strict=True)
    ]


def _names(
    shown: Sequence[Contender],
    seats: Mapping[str, ReportRow],
    places: Mapping[str, tuple[float, float]],
    least: float,
) -> list[dict[str, object]]:
    heights = _spread([places[one.candidate][1] for one in shown], least)
    pairs = zip(shown, heights, strict=True)
    return [_name(seats[one.candidate], height) for one, height in pairs]


def _range(
    places: Mapping[str, tuple[float, float]],
    shown: Sequence[Contender],
    seats: Mapping[str, ReportRow],
) -> tuple[float, float]:
    """Return the points that the figure spans, all intervals included."""
    lows, highs = [], []
    for one in shown:
        for height, (low, mean, high) in zip(
            places[one.candidate], _ends(one, seats[one.candidate]), strict=True
        ):
            lows.append(height - _reach(mean, low))
            highs.append(height + _reach(high, mean))
    room = 0.06 * (max(highs) - min(lows)) or 1.0
    return min(lows) - room, max(highs) + room


def _height(one: Contender, middle: tuple[float, float]) -> tuple[float, float]:
    assert one.mean is not None
    return 100 * (one.searched - middle[0]), 100 * (one.mean - middle[1])


def _spread(heights: Sequence[float], least: float) -> list[float]:
    """Move names apart that would overlap; `heights` fall, and so do the ones returned."""
    placed = list[float]()
    for height in heights:
        placed.append(min(height, placed[-1] - least) if placed else height)
    pushed = fmean(heights) - fmean(placed)
    return [height + pushed for height in placed]


def _colour(seat: ReportRow) -> str:
    return GOLD if seat.chosen else COLOURS[seat.kind]


def _line(one: Contender, seat: ReportRow, place: tuple[float, float], aside: float) -> go.Scatter:
    standing, colour = seat.standing, _colour(seat)
    ends = _ends(one, seat)
    filled = ["rgba(127,127,127,0.2)" if not tied else colour for tied in (standing.tied, one.tied)]
    symbol = "star" if seat.chosen else SYMBOLS[seat.kind]
    return go.Scatter(
        x=[aside, 1 + aside],
        y=list(place),
        mode="lines+markers",
        line={"color": colour, "width": 3.2 if seat.chosen else 1.8},
        marker={
            "symbol": symbol,
            "size": 17 if seat.chosen else 11,
            "color": filled,
            "line": {"color": colour, "width": 2},
            "opacity": 1,
        },
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [_reach(high, mean) for _, mean, high in ends],
            "arrayminus": [_reach(mean, low) for low, mean, _ in ends],
            "color": colour,
            "thickness": 1.2,
            "width": 3,
        },
        hovertemplate=[f"{seat.name}<br>{told}<extra></extra>" for told in _hovers(one)],
    )


def _ends(one: Contender, seat: ReportRow) -> list[tuple[float | None, float | None, float | None]]:
    """Return low, mean and high in the search and in the gate."""
    before = seat.standing
    return [(before.low, before.mean, before.high), (one.low, one.mean, one.high)]


def _reach(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else 100 * (high - low)


def _hovers(one: Contender) -> list[str]:
    assert one.mean is not None
    return [f"search {100 * one.searched:.2f} %", f"gate {100 * one.mean:.2f} %"]


def _name(seat: ReportRow, height: float) -> dict[str, object]:
    shown = f"<b>★ {seat.name}</b>" if seat.chosen else seat.name
    side = {"xanchor": "left", "showarrow": False, "font": {"size": 12.5}}
    return {"x": NAMES_AT, "y": height, "text": shown, **side}


def contenders(inputs: ReportInputs) -> Table:
    """Return every contender before the gate and in it, best in the gate first."""
    found: GateResult | None = inputs.gate
    head = ("contender", "search, %", "place", "gate, %", "interval, %", "place in the gate")
    heads = (*head, "cost ratio", "in the tied set", "single scores, %")
    if found is None:
        return Table(heads, ())
    before = _places({one.candidate: one.searched for one in found.contenders})
    scored = {one.candidate: one.mean for one in found.contenders if one.mean is not None}
    now = _places(scored)
    chosen = inputs.verdict.chosen if inputs.verdict else None
    rows = [
        _row(one, before[one.candidate], now.get(one.candidate), one.candidate == chosen)
        for one in found.contenders
    ]
    return Table(heads, tuple(rows))


def _places(means: Mapping[str, float]) -> dict[str, int]:
    order = sorted(means, key=lambda one: -means[one])
    return {candidate: place for place, candidate in enumerate(order, start=1)}


def _row(one: Contender, before: int, now: int | None, chosen: bool) -> tuple[Cell, ...]:
    tied = "no score" if one.mean is None else "yes" if one.tied else "no"
    scores = "  ".join(f"{100 * score:.2f}" for score in one.scores) or "–"
    return (
        text(f"★ {one.name}" if chosen else one.name, "strong" if chosen else ""),
        number(100 * one.searched, "{:.2f}"),
        number(before),
        number(None if one.mean is None else 100 * one.mean, "{:.2f}"),
        spans(one.low, one.high),
        number(now),
        number(one.ratio, "{:.3f}x"),
        text(tied),
        Cell(scores, max(one.scores, default=0.0), "quiet"),
    )
