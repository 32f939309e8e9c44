"""What a study has spent over time, against its limit."""

import numpy as np
import numpy.typing as npt

from compound.orchestrator.live.charts.chart import (
    PALE,
    Chart,
    Json,
    axis,
    chart,
    drawable,
    without,
)
from compound.orchestrator.wording.numbers import counted

Floats = npt.NDArray[np.float64]
MOST = 400
"""Points of the curve at most."""
_BLUE = "#2f78b7"


def spend_chart(ends: Floats, hours: Floats, unit: str, limit: float | None = None) -> Chart | None:
    """Draw the sum of the hours that epochs took, when they ended; None without an epoch.

    Args:
        ends: when each epoch ended, in seconds since 1970, shape (epochs,).
        hours: what each took of `unit`, all of its workers together, shape (epochs,).
        unit: what the hours are of: `GPU-hours`, `CPU-hours`.
        limit: what the study may spend of it; None: no limit.
    """
    sound = np.isfinite(ends) & np.isfinite(hours) & (hours >= 0)
    order = np.argsort(ends[sound], kind="stable")
    times, total = ends[sound][order], np.cumsum(hours[sound][order])
    if not len(times):
        return None
    keep = np.unique(np.linspace(0, len(times) - 1, min(MOST, len(times))).astype(int))
    elapsed = (times[keep] - times[0]) / 3600
    return chart(
        [_curve(elapsed, total[keep], unit), _limit(limit, float(elapsed[-1]))],
        280,
        f"The {unit} that epochs have taken, over time.",
        f"{counted(len(times), 'epoch')} took {total[-1]:,.3g} {unit}.",
        without(int((~sound).sum()), "epoch", "a time"),
        xaxis=axis("hours since the first epoch ended", rangemode="tozero"),
        yaxis=axis(unit, rangemode="tozero"),
        showlegend=False,
    )


def _curve(elapsed: Floats, total: Floats, unit: str) -> Json:
    return {
        "x": elapsed.round(5).tolist(),
        "y": total.round(7).tolist(),
        "mode": "lines" if len(elapsed) > 1 else "markers",
        "line": {"color": _BLUE, "width": 2.4, "shape": "hv"},
        "hovertemplate": f"%{{y:.3g}} {unit} after %{{x:.2f}} h<extra></extra>",
    }


def _limit(limit: float | None, last: float) -> Json | None:
    if not drawable(limit):
        return None
    return {
        "x": [0.0, last or 1.0],
        "y": [limit, limit],
        "mode": "lines",
        "line": {"color": PALE, "width": 2, "dash": "dash"},
        "hovertemplate": "the limit: %{y:,.3g}<extra></extra>",
    }
