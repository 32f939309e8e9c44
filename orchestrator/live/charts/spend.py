"""The hours of workers that a study has held, over time."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from compound.orchestrator.live.charts.chart import Chart, Json, axis, chart, drawable, without
from compound.orchestrator.live.charts.spans import Span
from compound.orchestrator.wording.numbers import counted

Floats = npt.NDArray[np.float64]
MOST = 400
"""Points of the curve at most."""
_BLUE = "#2f78b7"
_HOUR = 3600


def spend_chart(drawn: Sequence[Span]) -> Chart | None:
    """Draw the sum of the hours for which workers had a job, over time; None without any.

    It grows while a job is loaded and checkpointed too, so it is more than what epochs take.
    """
    training = [span for span in drawn if span.doing == "training"]
    sound = [span for span in training if drawable(span.begin) and drawable(span.end)]
    if not sound:
        return None
    times, hours = held_hours(sound)
    keep = np.unique(np.linspace(0, len(times) - 1, min(MOST, len(times))).astype(int))
    return chart(
        [_curve((times[keep] - times[0]) / _HOUR, hours[keep])],
        280,
        f"Hours of workers over time: {hours[-1]:,.3g} so far.",
        f"{counted(len(sound), 'attempt')} held {hours[-1]:,.3g} worker-hours, from their start to "
        "their end. What was spent counts epochs alone.",
        without(len(training) - len(sound), "attempt", "a time"),
        xaxis=axis("hours since the first job began", rangemode="tozero"),
        yaxis=axis("worker-hours", rangemode="tozero"),
        showlegend=False,
    )


def held_hours(training: Sequence[Span]) -> tuple[Floats, Floats]:
    """Return moments in seconds since 1970, and the hours of workers held until each.

    Both have the shape (2 * spans,); between moments the sum grows evenly.
    """
    begins = [(span.begin, span.workers) for span in training]
    ends = [(span.end, -span.workers) for span in training]
    moments = np.array([*begins, *ends], dtype=np.float64)
    moments = moments[np.argsort(moments[:, 0], kind="stable")]
    times, workers = moments[:, 0], np.cumsum(moments[:, 1])
    return times, np.concatenate([[0.0], np.cumsum(np.diff(times) * workers[:-1])]) / _HOUR


def _curve(elapsed: Floats, total: Floats) -> Json:
    return {
        "x": elapsed.round(5).tolist(),
        "y": total.round(7).tolist(),
        "mode": "lines",
        "name": "worker-hours",
        "line": {"color": _BLUE, "width": 2.4},
        "fill": "tozeroy",
        "hovertemplate": "%{y:.3g} worker-hours after %{x:.2f} h<extra></extra>",
    }
