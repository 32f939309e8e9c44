"""What the family will take, over all networks that the search may choose."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

from compound.orchestrator.forecast.job_cost import CostModel
from compound.orchestrator.wording.numbers import counted
from compound.schemas.architecture import Way
from compound.schemas.forecast import Demand, FamilyForecast, MemberForecast, Total
from compound.schemas.plan import FamilyPlan, LeftOut, Member

N = TypeVar("N", int, float)
Choose = Callable[[Iterable[float]], float]


def family_forecast(
    cost_model: CostModel, families: Sequence[FamilyPlan], planned: AbstractSet[str]
) -> FamilyForecast:
    """Bound what the family takes; jobs whose ids are `planned` are trained before it."""
    # Choices share networks along other ways: what each takes is computed once.
    demands = cost_model.demands(job.request for family in families for job in family.jobs)
    fresh = [
        [job.request for job in family.jobs if job.request.job.id not in planned]
        for family in families
    ]
    totals = [cost_model.total(requests, demands) for requests in fresh] or [Total()]
    members: dict[tuple[float, Way], list[Member]] = {}
    for member in (member for family in families for member in family.trained):
        members.setdefault((member.phi, member.along), []).append(member)
    return FamilyForecast(
        least=_extreme(totals, min),
        most=_extreme(totals, max),
        members=tuple(member_forecast(demands, group) for group in _ordered(members)),
    )


def _ordered(members: Mapping[tuple[float, Way], Sequence[Member]]) -> list[Sequence[Member]]:
    """Return the members of each phi and way in the order of the phi: some lack the first way."""
    phis = list(dict.fromkeys(phi for phi, _ in members))
    return [members[key] for key in sorted(members, key=lambda key: phis.index(key[0]))]


def left_out_warnings(families: Sequence[FamilyPlan]) -> Iterator[str]:
    """Say for how many of the networks that the search may choose a way has no equal in cost."""
    groups: dict[tuple[Way, float], list[LeftOut]] = {}
    for left in (left for family in families for left in family.left_out):
        groups.setdefault((left.along, left.phi), []).append(left)
    for (way, phi), group in groups.items():
        whose = f"{len(group)} of the {counted(len(families), 'network')} that may be chosen"
        yield f"along {way} at phi {phi:g}, left out for {whose}: {group[0].reason}"


def _extreme(totals: Sequence[Total], choose: Choose) -> Total:
    """Return the least or the most of every number over several totals."""
    values = [total.model_dump(exclude_none=True) for total in totals]
    return Total.model_validate(
        {name: choose(value[name] for value in values) for name in values[0]}
    )


def member_forecast(by_job: Mapping[str, Demand], members: Sequence[Member]) -> MemberForecast:
    """Say what one phi takes, over the networks that it may be."""
    networks = [member.network for member in members]
    demands = [by_job[member.jobs[0].request.job.id] for member in members]
    seeds = len(members[0].jobs)
    monies = [demand.money for demand in demands if demand.money is not None]
    return MemberForecast(
        phi=members[0].phi,
        along=members[0].along,
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
