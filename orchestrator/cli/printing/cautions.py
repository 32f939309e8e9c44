"""Everything that a plan warns of, in one list."""

from typing import TYPE_CHECKING

from compound.orchestrator.forecast.budget_check import warnings
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.final_texts import part_warnings

if TYPE_CHECKING:
    from compound.orchestrator.prepare import Prepared


def cautions(prepared: "Prepared") -> tuple[str, ...]:
    """Return what people should know of a plan before they run it."""
    plan = prepared.plan
    return (
        *class_warnings(plan.data),
        *plan.warnings,
        *part_warnings(plan.data),
        *warnings(prepared.spec, prepared.forecast),
    )
