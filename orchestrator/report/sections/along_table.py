"""The table of the ways of scaling at equal cost."""

from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections.table_cells import (
    Cell,
    Table,
    count,
    number,
    spans,
    text,
)
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.numbers import points
from compound.schemas.outcomes.along import WayLead, WayPoint


def along_table(inputs: ReportInputs) -> Table:
    """Return every way at every phi, with the lead of the choice over it."""
    head = ("phi", "way", "accuracy, %", "interval, %", "the choice leads by, points", "interval")
    heads = (*head, "seeds", "realised", "pixels", "parameters", "MACs", "single scores, %")
    compared = inputs.along
    leads = {(lead.phi, lead.over): lead for lead in compared.leads} if compared else {}
    rows = [
        _row(point, leads.get((point.phi, point.along)))
        for point in (compared.points if compared else ())
    ]
    return Table(heads, tuple(rows))


def _row(point: WayPoint, lead: WayLead | None) -> tuple[Cell, ...]:
    scores = "  ".join(f"{100 * score:.2f}" for score in point.scores)
    return (
        number(point.phi, "{:g}", "strong"),
        text(WAYS[point.along], title=f"network {point.network}"),
        number(None if point.mean is None else 100 * point.mean, "{:.2f}"),
        spans(point.low, point.high),
        number(None) if lead is None else Cell(points(lead.estimate), lead.estimate),
        _ends(lead),
        Cell(f"{len(point.scores)} of {point.planned}", len(point.scores)),
        number(point.ratio, "{:.3f}x"),
        number(point.resolution),
        count(point.cost.params),
        count(point.cost.macs),
        Cell(scores, point.mean or 0.0, "quiet"),
    )


def _ends(lead: WayLead | None) -> Cell:
    if lead is None or lead.low is None or lead.high is None:
        return number(None)
    tone = "good" if lead.ahead else "bad" if lead.behind else ""
    return Cell(f"{points(lead.low)} to {points(lead.high)}", lead.low, tone)
