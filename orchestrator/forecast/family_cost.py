"""What the family will take, over all networks that the search may choose."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

from compound.orchestrator.forecast.job_cost import CostModel
from compound.schemas.forecast import FamilyForecast, MemberForecast, Total
from compound.schemas.plan import FamilyPlan, Member

N = TypeVar("N", int, float)
Choose = Callable[[Iterable[float]], float]


def family_forecast(
    cost_model: CostModel, families: Sequence[FamilyPlan], planned: AbstractSet[str]
) -> FamilyForecast:
    """Bound what the family takes; jobs whose ids are `planned` are trained before it."""
    fresh = [
        [job.request for job in family.jobs if job.request.job.id not in planned]
        for family in families
    ]
    totals = [cost_model.total(requests, cost_model.demands(requests)) for requests in fresh] or [
        Total()
    ]
    by_phi = zip(*(family.members for family in families), strict=True)
    return FamilyForecast(
        least=_extreme(totals, min),
        most=_extreme(totals, max),
        members=tuple(member_forecast(cost_model, members) for members in by_phi),
    )


def _extreme(totals: Sequence[Total], choose: Choose) -> Total:
    """Return the least or the most of every number over several totals."""
    values = [total.model_dump(exclude_none=True) for total in totals]
    return Total.model_validate(
        {name: choose(value[name] for value in values) for name in values[0]}
    )


def member_forecast(cost_model: CostModel, members: Sequence[Member]) -> MemberForecast:
    """Say what one phi takes, over the networks that it may be."""
    networks = [member.network for member in members]
    demands = [cost_model.demand(member.jobs[0].request) for member in members]
    seeds = len(members[0].jobs)
    monies = [demand.money for demand in demands if demand.money is not None]
    return MemberForecast(
        phi=members[0].phi,
        jobs=seeds,
        ratio=_range(n.ratio for n in networks),
        params=_range(n.cost.params for n in networks),
        macs=_range(n.cost.macs for n in networks),
        activations=_range(n.cost.activations for n in networks),
        resolution=_range(n.architecture.resolution for n in networks),
        micro_batch=_range(d.micro_batch for d in demands),
        fitting_batch=_range(d.fitting_batch for d in demands),
        memory=_range(d.memory for d in demands),
        room=min(d.room for d in demands),
        sharers=demands[0].sharers,
        step_seconds=_range(d.step_seconds for d in demands),
        seconds=_range(seeds * d.seconds for d in demands),
        gpu_hours=_range(seeds * d.gpu_hours for d in demands),
        cpu_hours=_range(seeds * d.cpu_hours for d in demands),
        money=_range(seeds * money for money in monies) if monies else None,
    )


def _range(values: Iterable[N]) -> tuple[N, N]:
    numbers = list(values)
    return min(numbers), max(numbers)
