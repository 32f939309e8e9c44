"""`kind: study`: search on the small baseline, verdict, then the scaled family."""

from typing import TYPE_CHECKING

from compound.jobs.models.scaled import Networks
from compound.orchestrator.forecast.upper_bounds import (
    compared_in_last_rung,
    upper_bound_evaluated,
    upper_bound_gate,
    upper_bound_rounds,
)
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.records.documents import PLAN
from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo
from compound.schemas.design import COST_NAMES
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec

if TYPE_CHECKING:
    from compound.jobs.store.folders.study_folder import StudyFolder
    from compound.orchestrator.study import Outcome, Study


class StudyKind:
    """See `Kind`. The way of a run is in orchestrator/study.py."""

    def plan(
        self, spec: StudySpec, info: DataInfo, profile: DeviceProfile, networks: Networks
    ) -> Plan:
        """Plan the search."""
        return plan_study(spec, info, profile, networks)

    def stored_profile(self, folder: "StudyFolder") -> DeviceProfile | None:
        """Return the device that the stored search was planned for."""
        plan = folder.read(PLAN, Plan)
        return plan.profile if plan else None

    def later_jobs(
        self, spec: StudySpec, plan: Plan, networks: Networks
    ) -> tuple[list[JobRequest], list[JobRequest]]:
        """Return the most expensive jobs that rounds can add, and those of the gate."""
        return upper_bound_rounds(spec, plan), upper_bound_gate(spec, plan, networks)

    def evaluated(self, spec: StudySpec, plan: Plan) -> list[list[JobRequest]]:
        """Return the jobs of baseline, best single axis and choice, for each possible choice."""
        return [upper_bound_evaluated(spec, plan, choice) for choice in plan.candidates]

    def run(self, study: "Study[StudySpec]", plan: Plan) -> "Outcome":
        """Search, choose, scale."""
        return study.run(plan)

    def rehearsal(self, spec: StudySpec) -> StudySpec:
        """Return the study with two batches a job."""
        from compound.orchestrator.spec.fast_dev_run import rehearse_study

        return rehearse_study(spec)

    def title(self, spec: StudySpec, plan: Plan) -> str:
        """Say how many networks the design has become, and at which cost."""
        budget = spec.search.budget
        return (
            f"{spec.name}: {counted(plan.points, 'point')} of the design became {_became(plan)}; "
            f"budget {budget.multiple:g}x {COST_NAMES[budget.cost]} "
            f"to within {budget.tolerance:.0%}"
        )

    def resolvable(self, spec: StudySpec, plan: Plan) -> str:
        """Say which differences the search can tell from noise."""
        # SciPy takes a second to import, which JSON output does not need.
        from compound.orchestrator.choose.resolution_text import foresight

        networks = compared_in_last_rung(spec, plan.candidates)
        return foresight(spec.search.seeds, networks, spec.search.level)


def _became(plan: Plan) -> str:
    networks = counted(len(plan.candidates), "network")
    networks += ", controls included" if len(plan.candidates) > plan.points else ""
    dropped = len(plan.dropped)
    return f"{networks}, {counted(dropped, 'point')} dropped" if dropped else networks
