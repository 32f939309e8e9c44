"""What a study leaves in the store, as documents; reading them needs no torch and no statistics."""

from dataclasses import dataclass

from jobs.store.study import StudyFolder
from schemas.architecture import Candidate
from schemas.base import Model
from schemas.data import DataInfo
from schemas.plan import FamilyPlan, Plan, PlannedJob
from schemas.study import Spec
from schemas.verdict import Verdict


class Record(Model):
    """What a study was asked, as it is kept in the store."""

    spec: Spec
    text: str
    """The spec file as the user wrote it."""


class TrainRecord(Model):
    """What one scaled variant was asked, in place of a search's plan."""

    data: DataInfo
    baseline: Candidate


@dataclass(frozen=True)
class Documents:
    """Everything that a study has left in the store so far; None for what is yet to come."""

    record: Record
    plan: Plan | None
    trained: TrainRecord | None
    verdict: Verdict | None
    family: FamilyPlan | None

    @property
    def jobs(self) -> list[PlannedJob]:
        """Every planned job once, the search's first."""
        planned = [*(self.plan.jobs if self.plan else ())]
        planned += self.family.jobs if self.family else ()
        return list({job.request.job.id: job for job in reversed(planned)}.values())[::-1]


def documents(folder: StudyFolder) -> Documents | None:
    """Read a study's documents; None where there is no such study."""
    record = folder.read("spec.json", Record)
    if record is None:
        return None
    return Documents(
        record=record,
        plan=folder.read("plan.json", Plan),
        trained=folder.read("baseline.json", TrainRecord),
        verdict=folder.read("verdict.json", Verdict),
        family=folder.read("family.json", FamilyPlan),
    )
