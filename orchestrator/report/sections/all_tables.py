"""Every table of a report, by its name in the templates."""

from collections.abc import Callable

from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections import tables
from compound.orchestrator.report.sections.along_table import along_table
from compound.orchestrator.report.sections.answer_section import answer_table
from compound.orchestrator.report.sections.final_report import final_table
from compound.orchestrator.report.sections.gate_table import contenders
from compound.orchestrator.report.sections.mistakes_report import confusion_table, hardest_table
from compound.orchestrator.report.sections.power_law_table import law_table
from compound.orchestrator.report.sections.rates_section import rates_table, sensitivity_table
from compound.orchestrator.report.sections.rungs_table import rung_table
from compound.orchestrator.report.sections.table_cells import Table

TABLES: dict[str, Callable[[ReportInputs], Table]] = {
    "answer": answer_table,
    "rates": rates_table,
    "sensitivity": sensitivity_table,
    "standings": tables.standings,
    "networks": tables.networks,
    "rungs": rung_table,
    "gate": contenders,
    "family": tables.family,
    "law": law_table,
    "along": along_table,
    "tested": final_table,
    "dropped": tables.dropped,
    "confused": confusion_table,
    "hardest": hardest_table,
    "jobs": tables.jobs,
}
