"""The timeline of a study: a lane for each worker, and what it did when."""

from collections.abc import Mapping, Sequence
from time import gmtime, strftime

from compound.orchestrator.live.charts.chart import (
    Chart,
    Json,
    axis,
    broken,
    chart,
    drawable,
    hidden,
    text,
    without,
)
from compound.orchestrator.live.charts.spans import NO_WORKER, Span, lanes, together
from compound.orchestrator.report.figures.figure_style import BELOW
from compound.orchestrator.timeline.intervals import Doing
from compound.orchestrator.wording.numbers import duration

MOST_LANES = 40
"""Workers that are drawn at most: the ones that trained longest."""
MOST_BARS = 2000
"""About so many bars are drawn at most: what one lane cannot show apart is drawn together."""
_STEPS = (60, 1000)
"""Bars of a lane at least and at most; more than the latter are narrower than a pixel."""
_COLOURS: Mapping[Doing, tuple[str, str]] = {
    "waiting": ("waiting for workers", "#c99a2e"),
    "training": ("training", "#2f78b7"),
    "retrying": ("failed, to be tried again", "#b3261e"),
    "interrupted": ("interrupted", "#b4599a"),
    "stopped": ("stopped", "#7d8590"),
}
_UNITS = ((2 * 86400, "days", 86400), (2 * 3600, "hours", 3600), (120, "minutes", 60))


def timeline_chart(drawn: Sequence[Span], most: int = MOST_LANES) -> Chart | None:
    """Draw what workers did over time; None without a span. Grey is a worker without a job.

    Spans without a finite time are left out.
    """
    sound = [span for span in drawn if drawable(span.begin) and drawable(span.end)]
    if not sound:
        return None
    by_lane, workers = _most_used(lanes(sound), most)
    begin, end = min(span.begin for span in sound), max(span.end for span in sound)
    unit, seconds = next(((u, s) for limit, u, s in _UNITS if end - begin >= limit), ("seconds", 1))
    steps = min(max(MOST_BARS // len(by_lane), _STEPS[0]), _STEPS[1])
    least = (end - begin) / steps
    positions = {lane: position for position, lane in enumerate(by_lane)}
    parts = [span for of_lane in by_lane.values() for span in together(of_lane, least)]
    scale = _Scale(begin, seconds, positions, thick=max(3, min(16, 360 // len(by_lane))))
    traces = [scale.trace([s for s in parts if s.doing == doing], doing) for doing in _COLOURS]
    return chart(
        [scale.idle(by_lane), *traces],
        84 + len(by_lane) * (scale.thick + 10),
        "What every worker did over time.",
        hidden(len(by_lane) - (NO_WORKER in by_lane), workers, "worker", "The busiest"),
        f"Spans below {duration(least)} that do the same are drawn together."
        if len(parts) < sum(map(len, by_lane.values()))
        else "",
        without(len(drawn) - len(sound), "span", "a time"),
        xaxis=axis(f"{unit} since {strftime('%Y-%m-%d %H:%M', gmtime(begin))} UTC"),
        yaxis={
            "tickvals": list(positions.values()),
            "ticktext": [_lane_name(lane) for lane in positions],
            "range": [len(positions) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "fixedrange": True,
        },
        legend=BELOW,
        hovermode="closest",
        margin={"l": 20, "r": 20, "t": 12, "b": 56},
        columns=("worker", "did", "job", "from, s", "to, s"),
    )


def _most_used(by_lane: dict[str, list[Span]], most: int) -> tuple[dict[str, list[Span]], int]:
    """Return the lanes of the workers that trained longest, and how many workers there are."""
    workers = [lane for lane in by_lane if lane != NO_WORKER]
    by_use = sorted(workers, key=lambda lane: -_trained(by_lane[lane]))
    keep = {NO_WORKER, *by_use[:most]}
    return {lane: of_lane for lane, of_lane in by_lane.items() if lane in keep}, len(workers)


def _trained(of_lane: Sequence[Span]) -> float:
    return sum(span.seconds for span in of_lane if span.doing == "training")


def _lane_name(lane: str) -> str:
    return "no worker yet" if lane == NO_WORKER else text(lane)


class _Scale:
    """Places spans in the figure: times in a unit from the begin of all, lanes by their place."""

    def __init__(self, begin: float, unit: int, positions: Mapping[str, int], thick: int) -> None:
        self._begin, self._unit, self._positions = begin, unit, positions
        self.thick = thick

    def trace(self, drawn: Sequence[Span], doing: Doing) -> Json | None:
        """Return the spans that do the same as one line with gaps; the mouse sees its points."""
        if not drawn:
            return None
        name, colour = _COLOURS[doing]
        return {
            "x": broken(self._points(span.begin, span.end) for span in drawn),
            "y": broken([self._positions[span.lane]] * 3 for span in drawn),
            "text": broken([_hover(span)] * 3 for span in drawn),
            "ids": broken([span.job] * 3 for span in drawn),
            "customdata": [self._row(span, name) for span in drawn],
            "mode": "lines",
            "name": name,
            "showlegend": True,
            "line": {"color": colour, "width": self.thick},
            "hovertemplate": "%{text}<extra></extra>",
        }

    def idle(self, by_lane: Mapping[str, Sequence[Span]]) -> Json:
        """Return a thin line under each worker, which is seen where it has no job."""
        ends = {
            lane: (min(s.begin for s in of_lane), max(s.end for s in of_lane))
            for lane, of_lane in by_lane.items()
            if lane != NO_WORKER
        }
        return {
            "x": broken(self._points(*pair) for pair in ends.values()),
            "y": broken([self._positions[lane]] * 3 for lane in ends),
            "mode": "lines",
            "name": "idle",
            "showlegend": True,
            "line": {"color": "rgba(127,127,127,0.45)", "width": 2},
            "hoverinfo": "skip",
        }

    def _row(self, span: Span, name: str) -> list[str | float]:
        begin, end = (round(time - self._begin, 1) for time in (span.begin, span.end))
        return [_lane_name(span.lane), name, text(span.label), begin, end]

    def _points(self, begin: float, end: float) -> list[float]:
        times = (begin, (begin + end) / 2, end)
        return [round((time - self._begin) / self._unit, 5) for time in times]


def _hover(span: Span) -> str:
    name, _ = _COLOURS[span.doing]
    lines = [f"<b>{text(span.label)}</b>", f"{name}, {duration(span.seconds)}"]
    return "<br>".join([*lines, *([text(span.message[:160])] if span.message else [])])
