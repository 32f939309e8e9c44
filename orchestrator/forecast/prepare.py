"""Everything that is settled before a job starts: the plan, and what it will take."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.design.baseline import DATA_ONLY
from compound.orchestrator.forecast.devices import hosts_of, learnt, nodes_of, profile_of, unsized
from compound.orchestrator.forecast.family_cost import family_forecast
from compound.orchestrator.forecast.job_cost import CostModel
from compound.orchestrator.forecast.placement import cautions, placed
from compound.orchestrator.forecast.upper_bounds import gate_at_most, rounds_at_most
from compound.orchestrator.plan.compile_choice import CompileChoice, asks, decided
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.records.documents import BASELINE, PLAN, TrainRecord
from compound.orchestrator.scale.family import plan_family, plan_train
from compound.schemas.data import DataInfo
from compound.schemas.design import COUNTED
from compound.schemas.device import DeviceProfile
from compound.schemas.forecast import Forecast, Total
from compound.schemas.job import JobRequest
from compound.schemas.plan import FamilyPlan, Plan, Variant
from compound.schemas.study import StudySpec, TrainSpec

AnyPlan = Plan | Variant


@dataclass(frozen=True)
class Prepared:
    """A plan, every family that its search may choose, and what they take."""

    spec: StudySpec | TrainSpec
    plan: AnyPlan
    families: tuple[FamilyPlan, ...]
    """One for each candidate; none for a single variant."""
    reckoner: CostModel
    forecast: Forecast


def prepare(
    spec: StudySpec | TrainSpec,
    info: DataInfo,
    store: ArtifactStore | None,
    networks: Networks = DATA_ONLY,
) -> Prepared:
    """Plan a spec, and reckon what it takes on the device that a probe knows, or a guess.

    Raises PlanError where nothing can be made of the spec.
    """
    profile = profile_of(spec, store)
    begun = _begun_with(spec, store) or profile
    return with_plan(spec, plan(spec, info, begun, networks), profile, store, networks)


def _begun_with(spec: StudySpec | TrainSpec, store: ArtifactStore | None) -> DeviceProfile | None:
    """Return the device that a study's plan was held on when it began.

    A later probe would shift its candidates, or compile other jobs, and those that are done would
    no longer belong.
    """
    if store is None or not _held_on_device(spec) or spec.name not in store.studies():
        return None
    folder = store.study(spec.name)
    if isinstance(spec, StudySpec):
        plan = folder.read(PLAN, Plan)
        return plan.profile if plan else None
    record = folder.read(BASELINE, TrainRecord)
    return record.profile if record else None


def _held_on_device(spec: StudySpec | TrainSpec) -> bool:
    """Whether a plan depends on a device; a budget on an exact count does not."""
    counted = isinstance(spec, TrainSpec) or spec.search.budget.cost in COUNTED
    return asks(spec) or not counted


def plan(
    spec: StudySpec | TrainSpec, info: DataInfo, profile: DeviceProfile, networks: Networks
) -> AnyPlan:
    """Plan a study's search, or one variant."""
    if isinstance(spec, StudySpec):
        return plan_study(spec, info, profile, networks)
    return plan_train(spec, info, networks, profile)


def with_plan(
    spec: StudySpec | TrainSpec,
    planned: AnyPlan,
    profile: DeviceProfile,
    store: ArtifactStore | None,
    networks: Networks,
) -> Prepared:
    """Reckon what a plan takes."""
    requests = [job.request for job in planned.jobs]
    rough = CostModel(profile, hosts_of(spec), spec.budget, planned.data)
    reckoner = replace(rough, profile=learnt(rough, requests, store))
    families = _families(spec, planned, networks)
    forecast = _forecast(reckoner, spec, planned, families, networks)
    return Prepared(spec, planned, families, reckoner, forecast)


def _families(
    spec: StudySpec | TrainSpec, planned: AnyPlan, networks: Networks
) -> tuple[FamilyPlan, ...]:
    if isinstance(spec, TrainSpec) or isinstance(planned, Variant):
        return ()
    found = [candidate.coefficients for candidate in planned.candidates]
    return tuple(
        plan_family(spec, planned.baseline, planned.data, each, planned.profile, networks)
        for each in found
    )


def _forecast(
    reckoner: CostModel,
    spec: StudySpec | TrainSpec,
    planned: AnyPlan,
    families: Sequence[FamilyPlan],
    networks: Networks,
) -> Forecast:
    requests = [job.request for job in planned.jobs]
    demands = reckoner.demands(requests)
    known = {request.job.id for request in requests}
    rounds, gate = _later(spec, planned, networks)
    return Forecast(
        basis=reckoner.basis,
        search=reckoner.total(requests, demands),
        rounds=_bound(reckoner, rounds, known),
        gate=_bound(reckoner, gate, known),
        family=family_forecast(reckoner, families, known),
        demands=demands,
        compiling=_compiling(spec, planned, families),
        resources=placed(spec, nodes_of(spec)),
        cautions=(*cautions(spec, nodes_of(spec)), *unsized(spec, reckoner.profile)),
    )


def _compiling(
    spec: StudySpec | TrainSpec, planned: AnyPlan, families: Sequence[FamilyPlan]
) -> str:
    choices = [[job.request for job in family.jobs] for family in families]
    judge = CompileChoice.of(spec, planned.data.train, planned.profile)
    return decided(spec, judge, [job.request for job in planned.jobs], choices)


def samples(prepared: Prepared, networks: Networks) -> list[JobRequest]:
    """Return requests with every kind of resources that a study will ask for, in any phase."""
    requests = [job.request for job in prepared.plan.jobs]
    _, gate = _later(prepared.spec, prepared.plan, networks)
    family = [job.request for plan in prepared.families[:1] for job in plan.jobs[-1:]]
    return [*requests, *gate[-1:], *family]


def _later(
    spec: StudySpec | TrainSpec, planned: AnyPlan, networks: Networks
) -> tuple[list[JobRequest], list[JobRequest]]:
    if isinstance(spec, TrainSpec) or isinstance(planned, Variant):
        return [], []
    return rounds_at_most(spec, planned), gate_at_most(spec, planned, networks)


def _bound(reckoner: CostModel, requests: Sequence[JobRequest], known: AbstractSet[str]) -> Total:
    """Return what jobs take that are not planned already."""
    fresh = [request for request in requests if request.job.id not in known]
    return reckoner.total(fresh, reckoner.demands(fresh))
