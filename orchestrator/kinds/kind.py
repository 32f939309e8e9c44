"""What a `kind:` of spec does itself. What both kinds merely know, spec and plan answer."""

from typing import TYPE_CHECKING, Protocol, TypeVar

from compound.schemas.plan import AnyPlan
from compound.schemas.study import AnySpec

if TYPE_CHECKING:
    from compound.jobs.models.scaled import Networks
    from compound.jobs.store.folders.study_folder import StudyFolder
    from compound.orchestrator.study import Outcome, Study
    from compound.schemas.data import DataInfo
    from compound.schemas.job import JobRequest
    from compound.schemas.machine.device import DeviceProfile

S = TypeVar("S", bound=AnySpec)
P = TypeVar("P", bound=AnyPlan)


class Kind(Protocol[S, P]):
    """One kind of spec, from its plan to its results."""

    def plan(self, spec: S, info: "DataInfo", profile: "DeviceProfile", networks: "Networks") -> P:
        """Plan the first jobs. PlanError: nothing can be made of the spec."""

    def stored_profile(self, folder: "StudyFolder") -> "DeviceProfile | None":
        """Return the device that the stored plan was made for; None without a plan."""

    def later_jobs(
        self, spec: S, plan: P, networks: "Networks"
    ) -> tuple[list["JobRequest"], list["JobRequest"]]:
        """Return the most expensive jobs that rounds can add, and those of the gate."""

    def evaluated(self, spec: S, plan: P) -> list[list["JobRequest"]]:
        """Return the jobs whose weights are evaluated on the test part, beside those of a family.

        A list for each family that the plan may lead to, in the order of its candidates.
        """

    def run(self, study: "Study[S]", plan: P) -> "Outcome":
        """Train everything that the spec asks for. RunError: no network can be chosen."""

    def rehearsal(self, spec: S) -> S:
        """Return the spec with two batches a job."""

    def title(self, spec: S, plan: P) -> str:
        """Return the first line of a printed plan."""

    def resolvable(self, spec: S, plan: P) -> str:
        """Say which differences the results can show; empty where nothing is compared."""
