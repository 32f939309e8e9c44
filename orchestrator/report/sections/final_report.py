"""The test part in a report: its table."""

from collections.abc import Mapping

from compound.orchestrator.report.inputs import ReportInputs, candidate_names
from compound.orchestrator.report.sections.table_cells import (
    NOTHING,
    Cell,
    Table,
    number,
    spans,
    text,
)
from compound.schemas.final_evaluation import NetworkScore


def final_table(inputs: ReportInputs) -> Table:
    """Return the test accuracy of each network beside its validation accuracy."""
    heads = (
        "role",
        "network",
        "test, %",
        "interval, %",
        "spread, points",
        "validation, %",
        "seeds",
        "single test scores, %",
    )
    names = candidate_names(inputs)
    networks = inputs.test.networks if inputs.test else ()
    return Table(heads, tuple(_row(network, names) for network in networks if network.seeds))


def _row(network: NetworkScore, names: Mapping[str, str]) -> tuple[Cell, ...]:
    scores = "  ".join(f"{100 * score.accuracy:.2f}" for score in network.seeds)
    # Of the family, phi and way of scaling say more than the network.
    searched = network.role not in ("family", "compared")
    name = names.get(network.network, network.name) if searched else network.name
    return (
        text(network.role, "strong"),
        text(name, title=f"network {network.network}"),
        number(_percent(network.accuracy), "{:.2f}", "strong"),
        spans(network.low, network.high),
        number(_percent(network.spread), "{:.2f}"),
        number(_percent(network.validation), "{:.2f}"),
        Cell(f"{len(network.seeds)} of {network.planned}", len(network.seeds)),
        Cell(scores or NOTHING, network.accuracy or 0.0, "quiet"),
    )


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
