"""All charts of a study, for one state of the filter."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compound.orchestrator.live.charts.chart import Chart, hidden
from compound.orchestrator.live.charts.curves import Curve, curves_chart
from compound.orchestrator.live.charts.linked import faded, selectable
from compound.orchestrator.live.charts.networks import Network
from compound.orchestrator.live.charts.parallel import parallel_chart
from compound.orchestrator.live.charts.spans import Span
from compound.orchestrator.live.charts.spend import spend_chart
from compound.orchestrator.live.charts.timeline import timeline_chart
from compound.orchestrator.report.figures.figure import Figure

_MARKED = ("ternary", "cost", "standings")
"""Figures of the report with a mark for each network, which can be selected."""


@dataclass(frozen=True)
class Drawn:
    """What the charts of a study are drawn from."""

    figures: Mapping[str, Figure]
    """As the report has them, by name."""
    networks: Sequence[Network]
    """Of the search, best first."""
    curves: Sequence[Curve]
    spans: Sequence[Span]
    marked: int = 0
    """How many networks have a mark; the others are hidden."""


def charts(drawn: Drawn, matching: Collection[str] | None = None) -> dict[str, Any]:
    """Return every chart that there are data for, by name: `figure` and `note`, as JSON's kinds.

    `matching`: the networks that the filter leaves; None: there is no filter.
    """
    return {
        name: {"figure": made.figure.document(), "note": made.note}
        for name, made in _charts(drawn, matching)
        if made is not None
    }


def _charts(drawn: Drawn, matching: Collection[str] | None) -> Iterator[tuple[str, Chart | None]]:
    note = hidden(drawn.marked, len(drawn.networks), "network", "The best and all controls:")
    for name, figure in drawn.figures.items():
        marked = name in _MARKED
        yield (
            name,
            Chart(selectable(faded(figure, matching)), note) if marked else Chart(figure),
        )
    networks, curves = drawn.networks, drawn.curves
    if matching is not None:
        networks = [network for network in networks if network.id in matching]
        curves = [curve for curve in curves if curve.network in matching]
    yield "parallel", parallel_chart(networks)
    yield "curves", curves_chart(curves)
    yield "timeline", timeline_chart(drawn.spans)
    yield "spend", spend_chart(drawn.spans)
