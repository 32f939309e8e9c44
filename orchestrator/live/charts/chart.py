"""What the charts of the live page share: a figure in plotly's JSON, and what it leaves out."""

from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite
from typing import Any, NamedTuple

from compound.jobs.wording.printable import printable
from compound.orchestrator.wording.numbers import counted

Json = dict[str, Any]
"""A part of a figure, of plain values that `json.dumps` takes."""
CLEAR = "rgba(0,0,0,0)"
GREY, PALE = "#7d8590", "rgba(127,127,127,0.35)"
BELOW: Json = {
    "orientation": "h",
    "yref": "container",
    "y": 0.01,
    "yanchor": "bottom",
    "x": 0,
    "xanchor": "left",
}
"""A legend at the bottom of a figure, under the title of the axis at any width of the page."""


class Chart(NamedTuple):
    """A figure, and in words what it does not show."""

    figure: Json
    """`data` and `layout`, as plotly takes them."""
    note: str = ""
    """"" where everything is shown."""


def chart(traces: Iterable[Json | None], height: int, *notes: str, **layout: Any) -> Chart | None:
    """Return traces as a chart of so many pixels; None where there are none to draw."""
    drawn = [{"type": "scatter", **trace} for trace in traces if trace is not None]
    if not drawn:
        return None
    plain: Json = {
        "height": height,
        "margin": {"l": 64, "r": 20, "t": 24, "b": 56},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "hoverlabel": {"align": "left"},
    }
    return Chart({"data": drawn, "layout": {**plain, **layout}}, " ".join(filter(None, notes)))


def axis(title: str, **fields: Any) -> Json:
    """Return an axis with its title."""
    return {"title": {"text": title}, "zeroline": False, **fields}


def text(value: str) -> str:
    """Return a text for plotly, which takes some HTML: a stranger's marks are shown as they are."""
    return escape(printable(value))


def drawable(value: float | None) -> bool:
    """Whether a value can be drawn: NaN and infinity are no JSON."""
    return value is not None and isfinite(value)


def hidden(visible: int, total: int, noun: str, which: str = "The best") -> str:
    """Say how many of something a chart shows; "" where it shows all."""
    if visible >= total:
        return ""
    names = counted(total, noun)
    return f"{which} {visible:,} of {names} shown, {total - visible:,} hidden."


def without(missing: int, noun: str, lacking: str) -> str:
    """Say how many could not be drawn, and what they lack; "" where all could."""
    return f"{counted(missing, noun)} without {lacking} left out." if missing else ""


def broken(lines: Iterable[Sequence[float | str]]) -> list[float | str | None]:
    """Return lines as a single sequence with a gap after each: a trace for all, not one each."""
    return [value for line in lines for value in (*line, None)]
