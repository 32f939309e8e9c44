"""The test part in a report: its table."""

from compound.orchestrator.report.inputs import ReportInputs
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
    networks = inputs.test.networks if inputs.test else ()
    return Table(heads, tuple(_row(network) for network in networks if network.seeds))


def _row(network: NetworkScore) -> tuple[Cell, ...]:
    scores = "  ".join(f"{100 * score.accuracy:.2f}" for score in network.seeds)
    return (
        text(network.role, "strong"),
        text(network.name, title=f"network {network.network}"),
        number(_percent(network.accuracy), "{:.2f}", "strong"),
        spans(network.low, network.high),
        number(_percent(network.spread), "{:.2f}"),
        number(_percent(network.validation), "{:.2f}"),
        Cell(f"{len(network.seeds)} of {network.planned}", len(network.seeds)),
        Cell(scores or NOTHING, network.accuracy or 0.0, "quiet"),
    )


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
