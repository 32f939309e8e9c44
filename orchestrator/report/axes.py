"""Axes of costs on a log scale, with round numbers at their ticks."""

from collections.abc import Callable, Sequence
from math import log10


def log_axis(
    title: str, costs: Sequence[float], room: float, write: Callable[[float], str]
) -> dict[str, object]:
    """Return range, ticks and title of a log axis that leaves a factor of `room` at its ends."""
    low, high = min(costs) / room, max(costs) * room
    inside = ticks(low, high)
    return {
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
