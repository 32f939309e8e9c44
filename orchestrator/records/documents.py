"""The documents of a study in the store; reading them needs no torch and no statistics."""

from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.records.selected_scores import as_read
from compound.schemas.architecture import Candidate
from compound.schemas.base import Model
from compound.schemas.data import DataInfo
from compound.schemas.errors import StoreError
from compound.schemas.final_evaluation import FinalTest
from compound.schemas.gate import GatePlan, GateResult
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.outcomes.along import WaysCompared
from compound.schemas.outcomes.recipe_check import RecipeCheck, Sensitivity
from compound.schemas.plan import FamilyPlan, Plan, PlannedJob, Rounds
from compound.schemas.power_law import Law
from compound.schemas.spending import Spent
from compound.schemas.study import Spec
from compound.schemas.verdict import Verdict

SPEC = "spec.json"
"""Record; without this document there is no study."""
DATA = "data.json"
"""DataInfo, with the ledger: status need not read a whole plan for it."""
PLAN = "plan.json"
BASELINE = "baseline.json"
"""TrainRecord; a single variant has it in place of a plan."""
RECIPE_CHECK = "recipe.json"
ROUNDS = "rounds.json"
VERDICT = "verdict.json"
SENSITIVITY = "sensitivity.json"
GATE_PLAN = "gateplan.json"
GATE_RESULT = "gate.json"
FAMILY = "family.json"
POWER_LAW = "law.json"
ALONG = "along.json"
ANSWER = "answer.json"
"""Answer; older stores have none, and it is made from the other documents."""
SPENDING = "spending.json"
FINAL_TEST = "test.json"
"""The documents of a study; events and leases are files of the store (jobs/store/format)."""


class Record(Model):
    """The spec of a study, as stored."""

    spec: Spec
    text: str
    """The spec file as the user wrote it."""
    resume: str = ""
    """The command that was typed, with what goes on from any folder; empty in older stores."""
    owner: str = ""
    """USER@HOST that typed it last; empty in older stores."""


class TrainRecord(Model):
    """The data and baseline of one scaled variant, in place of a search's plan."""

    data: DataInfo
    baseline: Candidate
    profile: DeviceProfile | None = None
    """See Variant."""


@dataclass(frozen=True)
class Documents:
    """All documents of a study; None for those that are not written yet."""

    record: Record
    plan: Plan | None
    trained: TrainRecord | None
    verdict: Verdict | None
    family: FamilyPlan | None
    recipe_check: RecipeCheck | None = None
    sensitivity: Sensitivity | None = None
    rounds: Rounds | None = None
    gate_plan: GatePlan | None = None
    gate: GateResult | None = None
    law: Law | None = None
    along: WaysCompared | None = None
    """None: the family has no way of scaling but the choice's, or is not trained yet."""
    spent: Spent | None = None
    test: FinalTest | None = None
    """None: the study has no test part, or is older than test parts."""

    @property
    def data(self) -> DataInfo | None:
        """The data, as they were planned with; None: there is no plan yet."""
        planned = self.plan or self.trained
        return planned.data if planned else None

    @cached_property
    def search(self) -> Plan | None:
        """The plan of the search, extended by its rounds."""
        return self.plan.extended(self.rounds) if self.plan and self.rounds else self.plan

    @cached_property
    def jobs(self) -> list[PlannedJob]:
        """Every planned job once: the search's, the recipe check's, the gate's, the family's."""
        phases = reversed(self.jobs_of_phases)
        return list({job.request.job.id: job for job in phases}.values())[::-1]

    @cached_property
    def jobs_of_phases(self) -> list[PlannedJob]:
        """The planned jobs of every phase: one that phases share is there for each of them."""
        planned = [*(self.search.jobs if self.search else ())]
        planned += self.plan.rate_jobs if self.plan else ()
        planned += self.sensitivity.jobs if self.sensitivity else ()
        planned += self.gate_plan.jobs if self.gate_plan else ()
        planned += self.family.jobs if self.family else ()
        once = {(job.phase, job.request.job.id): job for job in reversed(planned)}
        return list(once.values())[::-1]


class SentenceOnly(BaseModel):
    """Only the summary of a document, and its warnings: the rest may be megabytes."""

    model_config = ConfigDict(extra="ignore")

    sentence: str
    warnings: tuple[str, ...] = ()


def documents(folder: StudyFolder) -> Documents | None:
    """Read a study's documents; None where there is no such study."""
    record = folder.read(SPEC, Record)
    if record is None:
        return None
    gated, search = record.spec.gated, record.spec.search
    sensitive = search is not None and search.sensitivity
    return Documents(
        record=record,
        plan=folder.read(PLAN, Plan),
        trained=folder.read(BASELINE, TrainRecord),
        verdict=as_read(record.spec, folder.read(VERDICT, Verdict)),
        family=folder.read(FAMILY, FamilyPlan),
        recipe_check=folder.read(RECIPE_CHECK, RecipeCheck),
        sensitivity=folder.read(SENSITIVITY, Sensitivity) if sensitive else None,
        rounds=folder.read(ROUNDS, Rounds),
        gate_plan=folder.read(GATE_PLAN, GatePlan) if gated else None,
        gate=folder.read(GATE_RESULT, GateResult) if gated else None,
        law=folder.read(POWER_LAW, Law),
        along=folder.read(ALONG, WaysCompared) if len(record.spec.ways) > 1 else None,
        spent=folder.read(SPENDING, Spent),
        test=folder.read(FINAL_TEST, FinalTest),
    )


def written(folder: StudyFolder) -> Documents:
    """Read the documents of a study that runs, and has written its spec.

    StoreError: they are gone, since the store was deleted or moved meanwhile.
    """
    stored = documents(folder)
    if stored is None:
        raise StoreError(
            f"the documents of study {folder.name} are gone: the store was deleted or moved while "
            "the study ran",
            where=folder.path(SPEC),
            next_step="bring the store back, or type the same command again to begin anew",
        )
    return stored
