"""`kind: train`: one scaled variant, trained over seeds."""

from typing import TYPE_CHECKING

from compound.jobs.models.scaled import Networks
from compound.orchestrator.records import job_list
from compound.orchestrator.records.documents import BASELINE, FAMILY, TrainRecord
from compound.orchestrator.scale.family import plan_train
from compound.schemas.data import DataInfo
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import Variant
from compound.schemas.study import TrainSpec

if TYPE_CHECKING:
    from compound.jobs.store.folders.study_folder import StudyFolder
    from compound.orchestrator.study import Outcome, Study


class TrainKind:
    """See `Kind`."""

    def plan(
        self, spec: TrainSpec, info: DataInfo, profile: DeviceProfile, networks: Networks
    ) -> Variant:
        """Plan the variant's jobs."""
        return plan_train(spec, info, networks, profile)

    def stored_profile(self, folder: "StudyFolder") -> DeviceProfile | None:
        """Return the device that the stored variant was planned for."""
        record = folder.read(BASELINE, TrainRecord)
        return record.profile if record else None

    def later_jobs(
        self, spec: TrainSpec, plan: Variant, networks: Networks
    ) -> tuple[list[JobRequest], list[JobRequest]]:
        """Return no jobs: the plan is complete."""
        return [], []

    def evaluated(self, spec: TrainSpec, plan: Variant) -> list[list[JobRequest]]:
        """Return no job for its one family, whose members are all that is evaluated."""
        return [[]]

    def run(self, study: "Study[TrainSpec]", plan: Variant) -> "Outcome":
        """Train the variant's jobs."""
        phases = study.begin(plan.data)
        record = TrainRecord(data=plan.data, baseline=plan.baseline, profile=plan.profile)
        study.folder.write(BASELINE, record)
        networks = job_list.by_id([plan.baseline], None, plan.family.members)
        study.record_jobs(FAMILY, plan.family, plan.jobs, networks)
        return study.evaluated(phases.train("train", plan.jobs), plan.data)

    def rehearsal(self, spec: TrainSpec) -> TrainSpec:
        """Return the spec with two batches a job."""
        # Few runs are rehearsals.
        from compound.orchestrator.spec.fast_dev_run import rehearse_train

        return rehearse_train(spec)

    def title(self, spec: TrainSpec, plan: Variant) -> str:
        """Say that this is one network."""
        return f"{spec.name}: one variant"

    def resolvable(self, spec: TrainSpec, plan: Variant) -> str:
        """Say nothing: no networks are compared."""
        return ""
