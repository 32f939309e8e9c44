"""From a spec and its data to the jobs of the search."""

from collections.abc import Iterator

from compound.jobs.data.sources.encoded import streams
from compound.jobs.models.scaled import Networks
from compound.jobs.training.optimiser.schedule import check_batch
from compound.orchestrator.design.baseline import DATA_ONLY, baseline_candidate, baseline_of
from compound.orchestrator.design.budget_cost import measure_of
from compound.orchestrator.design.candidates import Designed, design
from compound.orchestrator.design.limits import (
    design_warnings,
    require_phi,
    require_rate,
    require_recipe,
    require_sizes,
)
from compound.orchestrator.design.network_space import Space
from compound.orchestrator.plan.compile_choice import compile_is_auto
from compound.orchestrator.plan.rate_jobs import rate_jobs
from compound.orchestrator.plan.resolution_warnings import resolution_warnings
from compound.orchestrator.plan.schedules import first_seeds, rung_schedules, search_jobs
from compound.orchestrator.wording.numbers import counted
from compound.schemas.architecture import Network
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.data import DataInfo
from compound.schemas.design import COUNTED
from compound.schemas.job import Resources
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import Plan
from compound.schemas.recipe import Recipe
from compound.schemas.study import StudySpec

FEW_IMAGES = 8
"""Images a worker and micro-batch under which batch norm's statistics are too noisy."""


def plan_study(
    spec: StudySpec,
    info: DataInfo,
    profile: DeviceProfile | None = None,
    networks: Networks = DATA_ONLY,
) -> Plan:
    """Plan the search: candidates of equal realised cost, controls, and a job for each seed.

    `profile` is of one search worker's device; budgets on memory and step time take it, and so does
    `compile: auto`.
    Raises PlanError: the spec is valid, but no candidate can be made of it.
    """
    check_batch(spec.search.train, spec.resources.search.most_workers, "search.train.batch")
    require_rate(spec)
    require_recipe(spec.train, spec.resources.family)
    if spec.gate.mode != "off" and spec.gate.scale == "phi":
        check_batch(spec.train, spec.resources.search.most_workers)
    network = baseline_of(spec, info, networks)
    measure = measure_of(spec, profile)
    space = Space(network, spec.search.budget, spec.rounding, measure, networks)
    designed = design(space, spec.search.design, spec.search.controls)
    require_phi(spec, network, (candidate.coefficients for candidate in designed.candidates))
    _require_growth(spec, network, designed, networks)
    baseline, first = baseline_candidate(network), rung_schedules(spec)[0]
    seeds = range(first_seeds(spec, first))
    return Plan(
        study=spec.name,
        data=info,
        baseline=baseline,
        candidates=designed.candidates,
        dropped=designed.dropped,
        points=designed.points,
        untried=designed.untried,
        jobs=tuple(
            search_jobs(spec, info, (baseline, *designed.candidates), first, seeds, profile)
        ),
        rate_jobs=tuple(rate_jobs(spec, info, baseline, profile)),
        warnings=(
            *design_warnings(spec, network, designed),
            *_warnings(spec, info),
            *resolution_warnings(spec.search, len(designed.candidates)),
        ),
        profile=profile
        if spec.search.budget.cost not in COUNTED or compile_is_auto(spec)
        else None,
    )


def _require_growth(
    spec: StudySpec, network: Network, designed: Designed, networks: Networks
) -> None:
    """PlanError where images that grow are too small for a network of the search or the gate."""
    searched = [candidate.architecture for candidate in (*designed.candidates, *designed.untried)]
    where = "train" if spec.search.train.resizing == spec.train.resizing else "search.train"
    require_sizes(spec.search.train, (network, *searched), networks, where)
    if spec.gate.mode != "off" and spec.gate.scale == "phi":
        require_sizes(spec.train, (network,), networks)


def _warnings(spec: StudySpec, info: DataInfo) -> Iterator[str]:
    for where, recipe, resources in (
        ("search", spec.search.train, spec.resources.search),
        ("family", spec.train, spec.resources.family),
    ):
        images = recipe.batch // (resources.most_workers * recipe.accumulate)
        if isinstance(spec.baseline, FactoryBaseline):
            yield from _beyond_reach(where, spec.baseline.factory, recipe)
        if images < FEW_IMAGES:
            yield (
                f"{where}: a worker trains on {counted(images, 'image')} at a time, which is too "
                f"few for batch norm's statistics: fewer than {FEW_IMAGES}"
            )
        yield from _idle_decoding(where, spec, resources, info)
    if info.train < spec.train.batch:
        yield (
            f"a batch has {counted(spec.train.batch, 'image')}, more than the "
            f"{counted(info.train, 'training image')}"
        )
    if spec.search.seeds < 2:
        yield "one seed per candidate: the verdict cannot tell a difference from noise"
    if spec.gate.mode != "off" and (spec.gate.seeds or spec.search.seeds) < 2:
        yield (
            "gate: one seed per contender cannot show whether the order holds; set gate.seeds to "
            "2 or more"
        )


def _idle_decoding(
    where: str, spec: StudySpec, resources: Resources, info: DataInfo
) -> Iterator[str]:
    """Say where CPUs that are to decode would have nothing to do."""
    images = info.train + info.validation
    if resources.decode_cpus and not streams(spec.data, images, info.in_channels, info.size):
        yield (
            f"{where}: the images are kept in memory, so decode_cpus has no effect; "
            "`data.memory: never` streams them"
        )


def _beyond_reach(where: str, factory: str, recipe: Recipe) -> Iterator[str]:
    """Name the settings of a recipe that only a network of ours would take."""
    settings = {
        "survival": recipe.survival < 1,
        "dropout": recipe.dropout > 0 or bool(recipe.dropout_phi7),
    }
    names = [name for name, is_set in settings.items() if is_set]
    if names:
        yield (
            f"{where}: {' and '.join(names)} of the recipe have no effect in {factory}, "
            "which is code of your own"
        )
