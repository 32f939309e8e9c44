"""The family's figure: accuracy against cost, with the power law and what it foretells."""

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from compound.orchestrator.report.figure_style import COLOURS, figure, log_axis
from compound.orchestrator.report.inputs import PHI, ReportInputs, baseline_seat, member_scores
from compound.orchestrator.scale.power_law import band
from compound.orchestrator.wording.numbers import percent, short
from compound.schemas.power_law import Law, LawPoint

STEPS = 60
"""Places at which the law and its band are drawn."""
ROOM = 1.35
LINE, SHADE = "rgba(127,127,127,0.9)", "rgba(127,127,127,0.14)"

Mark = tuple[float, list[float], float]
"""Cost, scores and phi of one network."""


def family(inputs: ReportInputs) -> go.Figure | None:
    """Draw the family against MACs, the baseline as phi 0; with a law against the cost ratio."""
    if inputs.law:
        return _lawful(inputs.law, inputs.data.validation)
    scored = [(member, member_scores(inputs, member)) for member in inputs.family]
    base = baseline_seat(inputs)
    start = [(inputs.baseline.cost.macs, list(base.standing.scores), 0.0)] if base else []
    points = [*start, *((m.network.cost.macs, scores, m.phi) for m, scores in scored)]
    line: list[Mark] = sorted([point for point in points if point[1]], key=lambda point: point[0])
    if len(line) < 2 or not any(scores for _, scores in scored):
        return None
    costs = [cost for cost, _, _ in line]
    told = [f"{short(cost)} MACs" for cost in costs]
    return figure(
        [_measured(line, told, "lines+markers+text"), *_seeds(line)],
        400,
        xaxis={"type": "log", **log_axis("MACs an image (log scale)", costs, ROOM, short)},
        yaxis={"title": {"text": "validation accuracy, %"}, "zeroline": False},
        showlegend=False,
    )


def _lawful(law: Law, images: int) -> go.Figure:
    trained = [one for one in law.points if one.errors]
    line: list[Mark] = [(one.ratio, [1 - e for e in one.errors], one.phi) for one in trained]
    ratios = [one.ratio for one in law.points]
    told = [f"{ratio:.2f}x the baseline's cost" for ratio in ratios]
    axis = log_axis("cost over the baseline's (log scale)", ratios, ROOM, lambda x: f"{x:g}x")
    start = sum(one.phi == 0 for one in trained[:1])
    parts = (line[:start], told[:start], "baseline"), (line[start:], told[start:], "trained")
    measured = [_measured(part, costs, "markers+text", name) for part, costs, name in parts if part]
    return figure(
        [*_law(law, images), *_foretold(law), *measured, *_seeds(line)],
        400,
        xaxis={"type": "log", **axis},
        yaxis={"title": {"text": "validation accuracy, %"}, "zeroline": False, "range": _view(law)},
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0, "xanchor": "left"},
        margin={"l": 64, "r": 20, "t": 24, "b": 100},
    )


def _view(law: Law) -> list[float]:
    """Return a range that shows every mark, and of wide intervals as much as is readable."""
    inner = [1 - e for one in law.points for e in one.errors]
    inner += [1 - one.expected for one in law.points if one.expected is not None]
    ends = [1 - end for one in law.points for end in (one.low, one.high) if end is not None]
    low, high = min(inner), max(inner)
    room = max(high - low, 0.01)
    floor = max(min([*ends, low]), low - 0.6 * room)
    ceiling = min(max([*ends, high]), high + 0.6 * room, 1.0)
    return [100 * (floor - 0.08 * room), 100 * (ceiling + 0.12 * room)]


def _law(law: Law, images: int) -> list[go.Scatter]:
    """Draw the law over all costs of the figure, with the prediction band for one seed."""
    trained = [one for one in law.points if one.errors]
    ratios = [one.ratio for one in law.points]
    low, high = min(ratios) / ROOM, max(ratios) * ROOM
    places = [low * (high / low) ** (step / STEPS) for step in range(STEPS + 1)]
    drawn = band(trained, places, law.level, 0.5 / images)
    x = [one.ratio for one in drawn]
    upper, lower = (
        [100 * (1 - end) for one in drawn if (end := getattr(one, name)) is not None]
        for name in ("low", "high")
    )
    shade = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    label = f"{100 * law.level:g} % prediction interval"
    bands = [
        go.Scatter(x=x, y=upper, showlegend=False, **shade),
        go.Scatter(x=x, y=lower, fill="tonexty", fillcolor=SHADE, name=label, **shade),
    ]
    y = [100 * (1 - one.expected) for one in drawn if one.expected is not None]
    line = {"color": LINE, "width": 1.6, "dash": "dash"}
    curve = go.Scatter(x=x, y=y, mode="lines", line=line, name="power law", hoverinfo="skip")
    return [*(bands if upper else []), curve]


def _foretold(law: Law) -> list[go.Scatter | None]:
    """Draw what the smaller networks foretold of each, hollow; trained ones quietly."""
    known = [one for one in law.points if one.expected is not None]
    groups = (
        ("foretold, then trained", [one for one in known if one.errors], LINE),
        ("foretold", [one for one in known if not one.errors], COLOURS["mix"]),
    )
    return [_hollow(label, points, colour) for label, points, colour in groups]


def _hollow(label: str, points: Sequence[LawPoint], colour: str) -> go.Scatter | None:
    if not points:
        return None
    y = [100 * (1 - (one.expected or 0)) for one in points]
    ends = [(one.low, one.high) if one.low is not None else (one.expected,) * 2 for one in points]
    up = [100 * (1 - (low or 0)) - value for value, (low, _) in zip(y, ends, strict=True)]
    down = [value - 100 * (1 - (high or 0)) for value, (_, high) in zip(y, ends, strict=True)]
    bars = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "width": 4}
    trained = bool(points[0].errors)
    return go.Scatter(
        x=[one.ratio for one in points],
        y=y,
        mode="markers" if trained else "markers+text",
        name=label,
        text=[f"{PHI} {one.phi:g} " for one in points],
        textposition="top left",
        marker={
            "symbol": "circle-open",
            "size": 9 if trained else 13,
            "color": colour,
            "line": {"width": 2},
        },
        error_y={**bars, "color": colour, "thickness": 1.2},
        hovertemplate=[_told(one) for one in points],
    )


def _told(one: LawPoint) -> str:
    assert one.expected is not None
    ends = ""
    if one.low is not None and one.high is not None:
        ends = f" ({percent(1 - one.high)} to {percent(1 - one.low)})"
    cost = f"{one.ratio:.2f}x the baseline's cost"
    return f"{PHI} {one.phi:g}, foretold {percent(1 - one.expected)}{ends}<br>{cost}<extra></extra>"


def _measured(
    line: Sequence[Mark], told: Sequence[str], mode: str, name: str = "trained"
) -> go.Scatter:
    means = [100 * fmean(scores) for _, scores, _ in line]
    return go.Scatter(
        x=[cost for cost, _, _ in line],
        y=means,
        mode=mode,
        name=name,
        text=[f"{PHI} {phi:g} " for _, _, phi in line],
        textposition="top left",
        cliponaxis=False,
        line={"color": COLOURS["mix"], "width": 2},
        marker={
            "size": 12,
            "symbol": ["square" if phi == 0 else "circle" for _, _, phi in line],
            "color": [COLOURS["baseline"] if phi == 0 else COLOURS["mix"] for _, _, phi in line],
        },
        hovertemplate=[
            f"{PHI} {phi:g}<br>accuracy {mean:.1f} %<br>{cost}<extra></extra>"
            for (_, _, phi), mean, cost in zip(line, means, told, strict=False)
        ],
    )


def _seeds(line: Sequence[Mark]) -> list[go.Scatter]:
    several = [
        (cost, 100 * score) for cost, scores, _ in line if len(scores) > 1 for score in scores
    ]
    if not several:
        return []
    marker = {"symbol": "line-ew-open", "size": 10, "color": "rgba(127,127,127,0.75)"}
    x, y = zip(*several, strict=True)
    hidden = {"hoverinfo": "skip", "showlegend": False}
    return [go.Scatter(x=x, y=y, mode="markers", marker=marker, **hidden)]
