"""The gate on the page: every contender's rank in the search and at the larger scale."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    COLOURS,
    GOLD,
    SYMBOLS,
    folded,
    percents,
)
from compound.orchestrator.report.inputs import ReportInputs, ReportRow
from compound.orchestrator.wording.numbers import counted
from compound.schemas.gate import Contender, GateResult

LINE = 18
"""Least distance between two names, in pixels."""
FRAME = 64
"""Pixels above and below the lines."""
FOLDED = 28
"""Least distance between two names of two lines."""
PLAIN, SMALL = 12.5, 11
LETTER = 0.6
"""Width of a letter, as a part of its font's size."""
ASIDE = 0.016
"""Horizontal distance between marks, so that their intervals do not overlap."""


def gate(inputs: ReportInputs, report_rows: Sequence[ReportRow]) -> Figure | None:
    """Draw a line per contender from search to gate; None where fewer than two have a score."""
    if inputs.gate is None:
        return None
    rows = {row.standing.candidate: row for row in report_rows}
    contenders = [contender for contender in inputs.gate.contenders if contender.mean is not None]
    contenders = [contender for contender in contenders if contender.candidate in rows]
    if len(contenders) < 2:
        return None
    middle = (
        fmean(contender.searched for contender in contenders),
        fmean(contender.mean or 0 for contender in contenders),
    )
    deviations = {contender.candidate: _deviations(contender, middle) for contender in contenders}
    height = max(320, 150 + 44 * min(len(contenders), 8))
    low, high = _range(deviations, contenders, rows)
    pixel = (high - low) / (height - FRAME)
    names = _names(contenders, rows, deviations, LINE * pixel)
    lines = _lines(contenders, rows, deviations)
    two_lines = _names(contenders, rows, deviations, FOLDED * pixel, fold=True)
    return figure(
        lines,
        height,
        _alt(contenders, rows, inputs.gate),
        annotations=names,
        narrow={"annotations": two_lines, "margin": {"l": 46, "r": _room(two_lines, SMALL)}},
        columns=("contender", "in", "accuracy, %", "interval from, %", "to, %"),
        **_axes(inputs.gate.scale, low, high),
        margin={"l": 64, "r": _room(names, PLAIN), "t": 24, "b": 40},
    )


def _alt(
    contenders: Sequence[Contender], rows: Mapping[str, ReportRow], gate_result: GateResult
) -> str:
    best = max(contenders, key=lambda contender: contender.mean or 0.0)
    return (
        f"Accuracies of {counted(len(contenders), 'contender')} in the search and at "
        f"{gate_result.scale}, each from the contenders' mean. Best at {gate_result.scale} is "
        f"{rows[best.candidate].name}."
    )


def _room(names: Sequence[dict[str, object]], size: float) -> float:
    """Return the pixels beside the lines that names of this font size need."""
    lines = [line for name in names for line in str(name["text"]).split("<br>")]
    letters = max(len(line.replace("<b>", "").replace("</b>", "")) for line in lines)
    return 10 + LETTER * size * letters


def _axes(scale: str, low: float, high: float) -> dict[str, Any]:
    title = {"text": "points above the contenders' mean"}
    sides = {"tickvals": [0, 1], "ticktext": ["search", scale], "range": [-0.12, 1.12]}
    return {
        "xaxis": {**sides, "zeroline": False, "showgrid": False},
        "yaxis": {"title": title, "zeroline": False, "range": [low, high]},
        "showlegend": False,
    }


def _lines(
    contenders: Sequence[Contender],
    rows: Mapping[str, ReportRow],
    deviations: Mapping[str, tuple[float, float]],
) -> list[Trace]:
    """Return the contenders' lines side by side, the chosen one's on top."""
    offsets = {
        contender.candidate: ASIDE * (n - (len(contenders) - 1) / 2)
        for n, contender in enumerate(contenders)
    }
    ordered = sorted(contenders, key=lambda contender: rows[contender.candidate].chosen)
    ids = [contender.candidate for contender in ordered]
    return [
        _line(contender, rows[id_], deviations[id_], offsets[id_])
        for contender, id_ in zip(ordered, ids, strict=True)
    ]


def _names(
    contenders: Sequence[Contender],
    rows: Mapping[str, ReportRow],
    deviations: Mapping[str, tuple[float, float]],
    least: float,
    fold: bool = False,
) -> list[dict[str, object]]:
    labels_at = _spread([deviations[contender.candidate][1] for contender in contenders], least)
    pairs = zip(contenders, labels_at, strict=True)
    return [_name(rows[contender.candidate], y, fold) for contender, y in pairs]


def _range(
    deviations: Mapping[str, tuple[float, float]],
    contenders: Sequence[Contender],
    rows: Mapping[str, ReportRow],
) -> tuple[float, float]:
    """Return the points that the figure spans, all intervals included."""
    lows, highs = [], []
    for contender in contenders:
        for y, (low, mean, high) in zip(
            deviations[contender.candidate],
            _ends(contender, rows[contender.candidate]),
            strict=True,
        ):
            lows.append(y - _reach(mean, low))
            highs.append(y + _reach(high, mean))
    room = 0.06 * (max(highs) - min(lows)) or 1.0
    return min(lows) - room, max(highs) + room


def _deviations(contender: Contender, means: tuple[float, float]) -> tuple[float, float]:
    assert contender.mean is not None
    return 100 * (contender.searched - means[0]), 100 * (contender.mean - means[1])


def _spread(labels_at: Sequence[float], least: float) -> list[float]:
    """Move overlapping names apart; `labels_at` and the result fall."""
    placed = list[float]()
    for y in labels_at:
        placed.append(min(y, placed[-1] - least) if placed else y)
    pushed = fmean(labels_at) - fmean(placed)
    return [y + pushed for y in placed]


def _colour(row: ReportRow) -> str:
    return GOLD if row.chosen else COLOURS[row.kind]


def _line(
    contender: Contender, row: ReportRow, deviations: tuple[float, float], offset: float
) -> Trace:
    standing, colour = row.standing, _colour(row)
    ends = _ends(contender, row)
    filled = [
        "rgba(127,127,127,0.2)" if not tied else colour for tied in (standing.tied, contender.tied)
    ]
    symbol = "star" if row.chosen else SYMBOLS[row.kind]
    return scatter(
        [offset, 1 + offset],
        deviations,
        name=row.name,
        customdata=[
            [row.name, phase, *percents(mean, low, high)]
            for phase, (low, mean, high) in zip(("search", "gate"), ends, strict=True)
        ],
        mode="lines+markers",
        line={"color": colour, "width": 3.2 if row.chosen else 1.8},
        marker={
            "symbol": symbol,
            "size": 17 if row.chosen else 11,
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
        hovertemplate=[f"{row.name}<br>{score}<extra></extra>" for score in _hovers(contender)],
    )


def _ends(
    contender: Contender, row: ReportRow
) -> list[tuple[float | None, float | None, float | None]]:
    """Return low, mean and high in the search and in the gate."""
    before = row.standing
    return [(before.low, before.mean, before.high), (contender.low, contender.mean, contender.high)]


def _reach(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else 100 * (high - low)


def _hovers(contender: Contender) -> list[str]:
    assert contender.mean is not None
    return [f"search {100 * contender.searched:.2f} %", f"gate {100 * contender.mean:.2f} %"]


def _name(row: ReportRow, y: float, fold: bool) -> dict[str, object]:
    name = folded(row.name) if fold else row.name
    label = f"<b>★ {name}</b>" if row.chosen else name
    side = {"xref": "paper", "x": 1, "xanchor": "left", "align": "left", "showarrow": False}
    return {"y": y, "text": label, "font": {"size": SMALL if fold else PLAIN}, **side}
