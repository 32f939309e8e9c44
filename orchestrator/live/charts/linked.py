"""A figure with some of its marks faded: those of networks that a filter leaves out."""

from collections.abc import Collection
from dataclasses import replace

from compound.orchestrator.report.figures.figure import Figure, Trace

_FADED = {"marker": {"opacity": 0.12}}


def faded(figure: Figure, matching: Collection[str] | None) -> Figure:
    """Return a figure in which only the matching networks are plain; None: all of them.

    Marks say by their `ids` which network they show; traces without any stay as they are.
    """
    if matching is None:
        return figure
    return replace(figure, data=tuple(_faded(trace, matching) for trace in figure.data))


def _faded(trace: Trace, matching: Collection[str]) -> Trace:
    if "ids" not in trace or "markers" not in trace.get("mode", ""):
        return trace
    plain = [position for position, identity in enumerate(trace["ids"]) if identity in matching]
    return {**trace, "selectedpoints": plain, "unselected": _FADED}


def selectable(figure: Figure) -> Figure:
    """Return a figure in which dragging selects marks; not on a telephone, where it scrolls."""
    layout = {**figure.layout, "dragmode": "select"}
    return replace(figure, layout=layout, narrow={**figure.narrow, "dragmode": False})
