"""The gate on the page: every contender's place in the search and at the larger scale."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from orchestrator.report.cells import Cell, Table, number, spans, text
from orchestrator.report.inputs import ReportInputs, Seat
from orchestrator.report.marks import COLOURS, GOLD, SYMBOLS, figure
from schemas.ranking import Contender, GateResult

CLOSEST = 0.07
"""Least distance between two names, over the height of the figure."""
NAMES_AT = 1.14
ASIDE = 0.016
"""How far marks move aside, so that their intervals do not cover each other."""


def gate(inputs: ReportInputs, everyone: Sequence[Seat]) -> go.Figure | None:
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
    names = _spread([places[one.candidate][1] for one in shown], _reaching(shown, places))
    ordered = sorted(shown, key=lambda one: seats[one.candidate].chosen)
    aside = {one.candidate: ASIDE * (n - (len(shown) - 1) / 2) for n, one in enumerate(shown)}
    lines = [
        _line(one, seats[one.candidate], places[one.candidate], aside[one.candidate])
        for one in ordered
    ]
    return figure(
        lines,
        150 + 44 * min(len(shown), 8),
        xaxis={
            "tickvals": [0, 1],
            "ticktext": ["search", inputs.gate.scale],
            "range": [-0.12, 1.75],
            "zeroline": False,
            "showgrid": False,
        },
        yaxis={"title": {"text": "points above the contenders' mean"}, "zeroline": False},
        showlegend=False,
        margin={"l": 64, "r": 10, "t": 24, "b": 40},
        annotations=[
            _name(one, seats[one.candidate], height)
            for one, height in zip(shown, names, strict=True)
        ],
    )


def _reaching(shown: Sequence[Contender], places: Mapping[str, tuple[float, float]]) -> float:
    """Return about how much accuracy the figure spans, intervals included, in points."""
    heights = [height for pair in places.values() for height in pair]
    longest = max(_reach(one.high, one.low) for one in shown)
    return max(heights) - min(heights) + longest


def _height(one: Contender, middle: tuple[float, float]) -> tuple[float, float]:
    assert one.mean is not None
    return 100 * (one.searched - middle[0]), 100 * (one.mean - middle[1])


def _spread(heights: Sequence[float], reach: float) -> list[float]:
    """Move names apart that would overlap; `heights` fall, and so do the ones returned."""
    least, placed = CLOSEST * max(reach, 1e-9), list[float]()
    for height in heights:
        placed.append(min(height, placed[-1] - least) if placed else height)
    pushed = fmean(heights) - fmean(placed)
    return [height + pushed for height in placed]


def _colour(seat: Seat) -> str:
    return GOLD if seat.chosen else COLOURS[seat.kind]


def _line(one: Contender, seat: Seat, place: tuple[float, float], aside: float) -> go.Scatter:
    standing, colour = seat.standing, _colour(seat)
    ends = [(standing.low, standing.mean, standing.high), (one.low, one.mean, one.high)]
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


def _reach(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else 100 * (high - low)


def _hovers(one: Contender) -> list[str]:
    assert one.mean is not None
    return [f"search {100 * one.searched:.2f} %", f"gate {100 * one.mean:.2f} %"]


def _name(one: Contender, seat: Seat, height: float) -> dict[str, object]:
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
