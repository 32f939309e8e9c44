"""The family's figure: accuracy against cost, with the power law and its predictions."""

from collections.abc import Sequence
from statistics import fmean

from compound.orchestrator.report.figures.figure import Figure, Trace, figure, scatter
from compound.orchestrator.report.figures.figure_style import (
    BELOW,
    COLOURS,
    accuracy_axis,
    log_axis,
)
from compound.orchestrator.report.inputs import PHI, ReportInputs, baseline_row, member_scores
from compound.orchestrator.scale.power_law import band
from compound.orchestrator.scale.power_law_text import between
from compound.orchestrator.wording.numbers import percent, short
from compound.schemas.power_law import Law, LawPoint

STEPS = 60
"""Intervals between the points at which the law and its band are drawn."""
ROOM = 1.35
WIDER = 1.8
"""Room on a narrow page, where the first mark's text would reach the axis."""
NEAR = 1.08
"""Ratio of costs below which marks have nearly one place."""
LINE, SHADE = "rgba(127,127,127,0.9)", "rgba(127,127,127,0.14)"

Mark = tuple[float, list[float], float]
"""Cost, scores and phi of one network."""


def family(inputs: ReportInputs) -> Figure | None:
    """Draw the family against MACs, the baseline as phi 0; with a law against the cost ratio."""
    if inputs.law:
        return _lawful(inputs.law, inputs.data.validation)
    scored = [(member, member_scores(inputs, member)) for member in inputs.line]
    base = baseline_row(inputs)
    start = [(inputs.baseline.cost.macs, list(base.standing.scores), 0.0)] if base else []
    points = [*start, *((m.network.cost.macs, scores, m.phi) for m, scores in scored)]
    line: list[Mark] = sorted([point for point in points if point[1]], key=lambda point: point[0])
    if len(line) < 2 or not any(scores for _, scores in scored):
        return None
    costs = [cost for cost, _, _ in line]
    costs_text = [f"{short(cost)} MACs" for cost in costs]
    title = "MACs per image (log scale)"
    return figure(
        [_measured(line, costs_text, "lines+markers+text"), *_seeds(line)],
        380,
        _alt(line),
        xaxis=log_axis(title, costs, ROOM, short),
        narrow={"xaxis": log_axis(title, costs, WIDER, short)},
        yaxis=accuracy_axis(),
        showlegend=False,
    )


def _lawful(law: Law, images: int) -> Figure:
    trained = [point for point in law.points if point.errors]
    line: list[Mark] = [
        (point.ratio, [1 - e for e in point.errors], point.phi) for point in trained
    ]
    ratios = [point.ratio for point in law.points]
    costs_text = [f"{ratio:.2f}x the baseline's cost" for ratio in ratios]
    title = "cost over the baseline's (log scale)"
    axis, wider = (log_axis(title, ratios, room, lambda x: f"{x:g}x") for room in (ROOM, WIDER))
    start = sum(point.phi == 0 for point in trained[:1])
    parts = (
        (line[:start], costs_text[:start], "baseline"),
        (line[start:], costs_text[start:], "trained"),
    )
    measured = [_measured(part, costs, "markers+text", name) for part, costs, name in parts if part]
    return figure(
        [*_law(law, images), *_predicted(law), *measured, *_seeds(line)],
        380,
        _alt(line),
        xaxis=axis,
        narrow={"xaxis": wider},
        yaxis=accuracy_axis(range=_view(law)),
        legend=BELOW,
    )


def _alt(line: Sequence[Mark]) -> str:
    reached = ", ".join(f"{PHI} {phi:g} {percent(fmean(scores))}" for _, scores, phi in line)
    return f"Validation accuracy of the family over cost: {reached}."


def _view(law: Law) -> list[float]:
    """Return a range that shows every mark; wide intervals are cut."""
    inner = [1 - e for point in law.points for e in point.errors]
    inner += [1 - point.expected for point in law.points if point.expected is not None]
    ends = [1 - end for point in law.points for end in (point.low, point.high) if end is not None]
    low, high = min(inner), max(inner)
    room = max(high - low, 0.01)
    floor = max(min([*ends, low]), low - 0.6 * room)
    ceiling = min(max([*ends, high]), high + 0.6 * room, 1.0)
    return [max(0.0, 100 * (floor - 0.08 * room)), min(100.0, 100 * (ceiling + 0.12 * room))]


def _law(law: Law, images: int) -> list[Trace]:
    """Draw what is expected at all costs of the figure, with the prediction band for one seed."""
    trained = [point for point in law.points if point.errors]
    ratios = [point.ratio for point in law.points]
    low, high = min(ratios) / ROOM, max(ratios) * ROOM
    costs = [low * (high / low) ** (step / STEPS) for step in range(STEPS + 1)]
    drawn = band(trained, costs, law.level, 0.5 / images)
    if not drawn:
        return []
    x = [point.ratio for point in drawn]
    upper, lower = (
        [100 * (1 - end) for point in drawn if (end := getattr(point, name)) is not None]
        for name in ("low", "high")
    )
    shade = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    label = f"{100 * law.level:g} % prediction interval"
    bands = [
        scatter(x, upper, showlegend=False, **shade),
        scatter(x, lower, fill="tonexty", fillcolor=SHADE, name=label, **shade),
    ]
    y = [100 * (1 - point.expected) for point in drawn if point.expected is not None]
    line = {"color": LINE, "width": 1.6, "dash": "dash"}
    curve = scatter(x, y, mode="lines", line=line, name="expected", hoverinfo="skip")
    return [*(bands if upper else []), curve]


def _predicted(law: Law) -> list[Trace | None]:
    """Draw the predictions from the smaller networks, hollow; those of trained networks in grey."""
    predicted = [point for point in law.points if point.expected is not None]
    groups = (
        ("predicted, then trained", [point for point in predicted if point.errors], LINE),
        ("predicted", [point for point in predicted if not point.errors], COLOURS["mix"]),
    )
    return [_hollow(label, points, colour) for label, points, colour in groups]


def _hollow(label: str, points: Sequence[LawPoint], colour: str) -> Trace | None:
    if not points:
        return None
    y = [100 * (1 - (point.expected or 0)) for point in points]
    ends = [
        (point.low, point.high) if point.low is not None else (point.expected,) * 2
        for point in points
    ]
    up = [100 * (1 - (low or 0)) - value for value, (low, _) in zip(y, ends, strict=True)]
    down = [value - 100 * (1 - (high or 0)) for value, (_, high) in zip(y, ends, strict=True)]
    bars = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "width": 4}
    trained = bool(points[0].errors)
    return scatter(
        [point.ratio for point in points],
        y,
        customdata=[f"{PHI} {point.phi:g}" for point in points],
        cliponaxis=False,
        mode="markers" if trained else "markers+text",
        name=label,
        text=[f"{PHI} {point.phi:g} " for point in points],
        textposition="top left",
        marker={
            "symbol": "circle-open",
            "size": 9 if trained else 13,
            "color": colour,
            "line": {"width": 2},
        },
        error_y={**bars, "color": colour, "thickness": 1.2},
        hovertemplate=[_hover_text(point) for point in points],
    )


def _hover_text(point: LawPoint) -> str:
    cost = f"{point.ratio:.2f}x the baseline's cost"
    accuracy = f"{PHI} {point.phi:g}, predicted {between(point)}"
    return f"{accuracy}<br>{cost}<extra></extra>"


def _measured(
    line: Sequence[Mark], costs: Sequence[str], mode: str, name: str = "trained"
) -> Trace:
    means = [100 * fmean(scores) for _, scores, _ in line]
    return scatter(
        [cost for cost, _, _ in line],
        means,
        customdata=[f"{PHI} {phi:g}" for _, _, phi in line],
        mode=mode,
        name=name,
        text=_labels(line),
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
            for (_, _, phi), mean, cost in zip(line, means, costs, strict=False)
        ],
    )


def _labels(line: Sequence[Mark]) -> list[str]:
    """Return the text of each mark; marks that nearly coincide share the text of the first."""
    means = [100 * fmean(scores) for _, scores, _ in line]
    near = 0.07 * (max(means) - min(means))
    texts = [f"{PHI} {phi:g} " for _, _, phi in line]
    for second in range(len(line) - 1, 0, -1):
        first = second - 1
        close = line[second][0] < NEAR * line[first][0]
        if close and abs(means[second] - means[first]) <= near:
            texts[first] = f"{texts[first].strip()}, {texts[second]}"
            texts[second] = ""
    return texts


def _seeds(line: Sequence[Mark]) -> list[Trace]:
    several = [
        (cost, 100 * score) for cost, scores, _ in line if len(scores) > 1 for score in scores
    ]
    if not several:
        return []
    marker = {"symbol": "line-ew-open", "size": 10, "color": "rgba(127,127,127,0.75)"}
    x, y = zip(*several, strict=True)
    hidden = {"hoverinfo": "skip", "showlegend": False}
    return [scatter(x, y, mode="markers", marker=marker, **hidden)]
