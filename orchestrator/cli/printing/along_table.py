"""The table of the ways of scaling at equal cost, and what it shows."""

from compound.orchestrator.cli.printing.output import print_table, say
from compound.orchestrator.cli.printing.phi_table import unsaid
from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.numbers import points, short
from compound.schemas.answer import Answer
from compound.schemas.outcomes.along import WayLead, WayPoint, WaysCompared

COLUMNS = (
    *(">phi", "along", ">cost", ">MACs", ">pixels", ">seeds"),
    *(">accuracy", ">interval", ">the choice leads by"),
)
KEEP = ("phi", "along", "accuracy", "interval", "the choice leads by")


def show_along(compared: WaysCompared | None, answer: Answer | None) -> None:
    """Print every way at every phi, and what the answer has not said of them."""
    if compared is None:
        return
    leads = {(lead.phi, lead.over): lead for lead in compared.leads}
    cells = [_cells(point, leads.get((point.phi, point.along))) for point in compared.points]
    level = f"{100 * compared.level:g} % intervals"
    title = f"ways of scaling at equal cost, {level}; upper ends of leads count all ways and phi"
    print_table(f"\n{title}", COLUMNS, cells, KEEP)
    if text := unsaid(compared.sentence, answer):
        say(text)


def _cells(point: WayPoint, lead: WayLead | None) -> list[str]:
    ends = ""
    if point.low is not None and point.high is not None:
        ends = f"{point.low:.2%} to {point.high:.2%}"
    return [
        f"{point.phi:g}",
        WAYS[point.along],
        f"{point.ratio:.2f}x",
        short(point.cost.macs),
        str(point.resolution),
        f"{len(point.scores)} of {point.planned}",
        "" if point.mean is None else f"{point.mean:.2%}",
        ends,
        lead_text(lead),
    ]


def lead_text(lead: WayLead | None) -> str:
    """Write a lead in points, with its interval."""
    if lead is None:
        return ""
    if lead.low is None or lead.high is None:
        return points(lead.estimate)
    return f"{points(lead.estimate)} ({points(lead.low)} to {points(lead.high)})"
