"""What the charts of the live page share: a figure in plotly's JSON, and what it leaves out."""

from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite
from typing import Any, NamedTuple

from compound.orchestrator.report.figures.figure import Figure, Trace, figure
from compound.orchestrator.wording.numbers import counted

Json = dict[str, Any]
"""A part of a figure."""
GREY, PALE = "#7d8590", "rgba(127,127,127,0.35)"


class Chart(NamedTuple):
    """A figure, and in words what it does not show."""

    figure: Figure
    note: str = ""
    """"" where everything is shown."""


def chart(
    traces: Iterable[Trace | None], height: int, alt: str, *notes: str, **layout: Any
) -> Chart | None:
    """Return traces as a chart of so many pixels; None where there are none to draw.

    `notes`: what it hides, a sentence each; `layout`: as `figure` takes it.
    """
    drawn = [{"type": "scatter", **trace} for trace in traces if trace is not None]
    if not drawn:
        return None
    return Chart(figure(drawn, height, alt, **layout), " ".join(filter(None, notes)))


def axis(title: str, **fields: Any) -> Json:
    """Return an axis with its title."""
    return {"title": {"text": title}, "zeroline": False, **fields}


def text(value: str) -> str:
    """Return a text for plotly, which takes some HTML: a stranger's marks are shown as text."""
    return escape(value)


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
