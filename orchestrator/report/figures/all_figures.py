"""Every figure of a report, by its name in the page."""

from collections.abc import Callable

from compound.orchestrator.report.figures.along_figure import along_figure
from compound.orchestrator.report.figures.cost_figure import cost_figure
from compound.orchestrator.report.figures.curves_figure import family_curves, search_curves
from compound.orchestrator.report.figures.family_figure import family
from compound.orchestrator.report.figures.figure import Figure
from compound.orchestrator.report.figures.gate_figure import gate
from compound.orchestrator.report.figures.rungs_figure import rungs
from compound.orchestrator.report.figures.standings_figure import standings_figure
from compound.orchestrator.report.figures.ternary_figure import ternary
from compound.orchestrator.report.inputs import ReportInputs, drawn_rows, report_rows

FIGURES: dict[str, Callable[[ReportInputs], Figure | None]] = {
    "ternary": lambda inputs: ternary(report_rows(inputs), inputs.verdict),
    "standings": lambda inputs: standings_figure(drawn_rows(inputs)),
    "cost": lambda inputs: cost_figure(inputs, drawn_rows(inputs)),
    "rungs": lambda inputs: rungs(report_rows(inputs)),
    "gate": lambda inputs: gate(inputs, report_rows(inputs)),
    "family": family,
    "along": along_figure,
    "search-curves": lambda inputs: search_curves(inputs, drawn_rows(inputs)),
    "family-curves": family_curves,
}
"""What draws each figure; None where there are no data for it."""
