"""Everything that is decided before a job starts: the plan, and its forecast."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from compound.jobs.data.source import inspect
from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.design.baseline import DATA_ONLY
from compound.orchestrator.forecast.devices import (
    corrected_profile,
    hosts_of,
    nodes_of,
    profile_of,
    unsized,
)
from compound.orchestrator.forecast.evaluation_cost import evaluation_forecast
from compound.orchestrator.forecast.family_cost import family_forecast, left_out_warnings
from compound.orchestrator.forecast.job_cost import CostModel
from compound.orchestrator.forecast.placement import placed, placement_warnings
from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.plan.compile_choice import CompileChoice, compile_is_auto, decided
from compound.orchestrator.refusals import looked_at, refuse_first, store_there
from compound.orchestrator.scale.family import plan_family, ways_of
from compound.schemas.data import DataInfo
from compound.schemas.design import COUNTED
from compound.schemas.forecast import Forecast, Total
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import AnyPlan, FamilyPlan, PlannedJob
from compound.schemas.study import AnySpec


@dataclass(frozen=True)
class Prepared:
    """A plan, every family that its search may choose, and what they take."""

    spec: AnySpec
    plan: AnyPlan
    families: tuple[FamilyPlan, ...]
    """One for each candidate; none for a single variant."""
    cost_model: CostModel
    forecast: Forecast


def prepare(
    spec: AnySpec,
    info: DataInfo,
    store: ArtifactStore | None,
    networks: Networks = DATA_ONLY,
) -> Prepared:
    """Plan a spec, and predict what it takes on the probed device, or else on a guess.

    Raises PlanError where nothing can be made of the spec.
    """
    profile = profile_of(spec, store)
    begun = _begun_with(spec, store) or profile
    planned = KINDS[spec.kind].plan(spec, info, begun, networks)
    return with_plan(spec, planned, profile, store, networks)


def examine(spec: AnySpec, networks: Networks, *, decode: bool = False) -> Prepared:
    """Plan a spec as a run would, but start and write nothing.

    `decode`: decode all images, however many there are. Raises SpecError, StoreError, DataError and
    PlanError as a run does until it has a plan; `refuse` has what follows.
    """
    refuse_first(spec)
    store = store_there(spec.store)
    info = inspect(spec.data) if decode else looked_at(spec.data)
    return prepare(spec, info, store, networks)


def _begun_with(spec: AnySpec, store: ArtifactStore | None) -> DeviceProfile | None:
    """Return the device that a study's plan was held on when it began.

    A later probe would shift its candidates, or compile other jobs, and those that are done would
    no longer belong.
    """
    if store is None or not _held_on_device(spec) or spec.name not in store.studies():
        return None
    return KINDS[spec.kind].stored_profile(store.study(spec.name))


def _held_on_device(spec: AnySpec) -> bool:
    """Whether a plan depends on a device; a budget on an exact count does not."""
    counted = spec.search is None or spec.search.budget.cost in COUNTED
    return compile_is_auto(spec) or not counted


def with_plan(
    spec: AnySpec,
    planned: AnyPlan,
    profile: DeviceProfile,
    store: ArtifactStore | None,
    networks: Networks,
) -> Prepared:
    """Predict what a plan takes."""
    requests = [job.request for job in planned.jobs]
    uncorrected = CostModel(profile, hosts_of(spec), spec.budget, planned.data)
    costs = replace(uncorrected, profile=corrected_profile(uncorrected, requests, store))
    families = _families(spec, planned, networks)
    forecast = _forecast(costs, spec, planned, families, networks)
    return Prepared(spec, planned, families, costs, forecast)


def _families(spec: AnySpec, planned: AnyPlan, networks: Networks) -> tuple[FamilyPlan, ...]:
    """Return every family that the search may choose."""
    candidates = planned.search.candidates if planned.search else ()
    baseline, info, profile = planned.baseline, planned.data, planned.profile
    ways = ways_of(spec, baseline, profile, networks, candidates)
    return tuple(
        plan_family(spec, baseline, info, candidate.coefficients, profile, networks, ways)
        for candidate in candidates
    )


def _forecast(
    costs: CostModel,
    spec: AnySpec,
    planned: AnyPlan,
    families: Sequence[FamilyPlan],
    networks: Networks,
) -> Forecast:
    requests = [job.request for job in planned.jobs]
    demands = costs.demands(requests)
    planned_ids = {request.job.id for request in requests}
    rounds, gate = KINDS[spec.kind].later_jobs(spec, planned, networks)
    return Forecast(
        basis=costs.basis,
        recipe=_bound(costs, [job.request for job in _rate_jobs(planned)], planned_ids),
        search=costs.total(requests, demands),
        rounds=_bound(costs, rounds, planned_ids),
        gate=_bound(costs, gate, planned_ids),
        family=family_forecast(costs, families, planned_ids),
        test=evaluation_forecast(
            costs,
            KINDS[spec.kind].evaluated(spec, planned),
            [planned.family] if planned.family else families,
        ),
        demands=demands,
        compiling=_compiling(spec, planned, families),
        resources=placed(spec, nodes_of(spec)),
        cautions=(
            *placement_warnings(spec, nodes_of(spec)),
            *unsized(spec, costs.profile),
            *left_out_warnings(families),
        ),
    )


def _compiling(spec: AnySpec, planned: AnyPlan, families: Sequence[FamilyPlan]) -> str:
    choices = [[job.request for job in family.jobs] for family in families]
    choice = CompileChoice.of(spec, planned.data.train, planned.profile)
    return decided(spec, choice, [job.request for job in planned.jobs], choices)


def _rate_jobs(planned: AnyPlan) -> tuple[PlannedJob, ...]:
    return planned.search.rate_jobs if planned.search else ()


def samples(prepared: Prepared, networks: Networks) -> list[JobRequest]:
    """Return requests with every kind of resources that a study will ask for, in any phase."""
    requests = [job.request for job in prepared.plan.jobs]
    kind = KINDS[prepared.spec.kind]
    _, gate = kind.later_jobs(prepared.spec, prepared.plan, networks)
    family = [job.request for plan in prepared.families[:1] for job in plan.jobs[-1:]]
    return [*requests, *gate[-1:], *family]


def _bound(costs: CostModel, requests: Sequence[JobRequest], planned: AbstractSet[str]) -> Total:
    """Return what jobs take that are not planned already."""
    fresh = [request for request in requests if request.job.id not in planned]
    return costs.total(fresh, costs.demands(fresh))
