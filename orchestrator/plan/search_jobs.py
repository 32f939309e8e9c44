"""From a spec and what its data holds to the jobs of the search, and later of the family."""

from collections.abc import Iterator

from compound.jobs.data.encoded import streams
from compound.jobs.models.scaled import Networks
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.named import NETWORKS
from compound.jobs.training.optimiser.schedule import check_batch, check_sharding
from compound.orchestrator.design.budget_cost import Measure, counted, measure_of
from compound.orchestrator.design.candidates import Designed, design
from compound.orchestrator.design.limits import (
    design_warnings,
    padding_warning,
    phis_of,
    require_phi,
    require_resolution,
    require_sizes,
)
from compound.orchestrator.design.network_space import Space
from compound.orchestrator.plan.compile_choice import asks
from compound.orchestrator.plan.resolution_warnings import prospects
from compound.orchestrator.plan.schedules import first_seeds, job, label, search_jobs, stages
from compound.schemas.architecture import AXES, Architecture, Candidate, Coefficients, Network
from compound.schemas.baseline import FactoryBaseline, NamedBaseline
from compound.schemas.data import DataInfo
from compound.schemas.design import COUNTED
from compound.schemas.device import DeviceProfile
from compound.schemas.errors import PlanError
from compound.schemas.job import JobRequest, Resources
from compound.schemas.plan import FamilyPlan, Member, Plan, PlannedJob, Variant
from compound.schemas.recipe import Recipe
from compound.schemas.study import StudySpec, TrainSpec

DATA_ONLY = Networks()
"""Networks of which none is code."""
FEW_IMAGES = 8
"""Images a worker and micro-batch under which batch norm's statistics are too noisy."""


def baseline_of(
    spec: StudySpec | TrainSpec, info: DataInfo, networks: Networks = DATA_ONLY
) -> Network:
    """Return the baseline with the data's classes and channels.

    Raises PlanError where its resolution is below its total stride or above the maximum, or a
    factory does not hold.
    """
    given, update = spec.baseline, _fitted(info)
    if isinstance(given, FactoryBaseline):
        return networks.own(given.factory, given.resolution, len(info.classes), info.in_channels)
    if isinstance(given, NamedBaseline):
        network = NETWORKS[given.name]
        update["resolution"] = given.resolution or network.resolution
        network = network.model_copy(update=update)
    else:
        network = Architecture.model_validate({**given.model_dump(), **update})
    require_resolution(network, spec.rounding)
    return network


def _fitted(info: DataInfo) -> dict[str, int]:
    return {"num_classes": len(info.classes), "in_channels": info.in_channels}


def plan_study(
    spec: StudySpec,
    info: DataInfo,
    profile: DeviceProfile | None = None,
    networks: Networks = DATA_ONLY,
) -> Plan:
    """Plan the search: candidates of equal realised cost, controls, and a job for each seed.

    `profile` is of one search worker's device; budgets on memory and step time take it, and so does
    `compile: auto`.
    Raises PlanError where the spec holds but nothing can be made of it.
    """
    check_batch(spec.search.train, spec.resources.search.most_workers, "search.train.batch")
    _check(spec.train, spec.resources.family)
    if spec.gate.mode != "off" and spec.gate.scale == "phi":
        check_batch(spec.train, spec.resources.search.most_workers)
    network = baseline_of(spec, info, networks)
    measure = measure_of(spec, profile)
    space = Space(network, spec.search.budget, spec.rounding, measure, networks)
    designed = design(space, spec.search.design, spec.search.controls)
    require_phi(spec, network, (candidate.coefficients for candidate in designed.candidates))
    _require_growth(spec, network, designed, networks)
    baseline, first = _baseline_candidate(network), stages(spec)[0]
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
        warnings=(
            *design_warnings(spec, network, designed),
            *_warnings(spec, info),
            *prospects(spec.search, len(designed.candidates)),
        ),
        profile=profile if spec.search.budget.cost not in COUNTED or asks(spec) else None,
    )


def _require_growth(
    spec: StudySpec, network: Network, designed: Designed, networks: Networks
) -> None:
    """PlanError where images that grow are too small for a network of the search or the gate."""
    searched = [one.architecture for one in (*designed.candidates, *designed.untried)]
    where = "train" if spec.search.train.resizing == spec.train.resizing else "search.train"
    require_sizes(spec.search.train, (network, *searched), networks, where)
    if spec.gate.mode != "off" and spec.gate.scale == "phi":
        require_sizes(spec.train, (network,), networks)


def _check(recipe: Recipe, resources: Resources) -> None:
    """PlanError where a family's workers cannot train by its recipe."""
    check_batch(recipe, resources.most_workers)
    if resources.sharding == "full":
        check_sharding(recipe)


def _baseline_candidate(network: Network) -> Candidate:
    return Candidate(
        architecture=network,
        cost=count(network),
        ratio=1.0,
        roles=("baseline",),
        coefficients=Coefficients(),
    )


def _warnings(spec: StudySpec, info: DataInfo) -> Iterator[str]:
    for where, recipe, resources in (
        ("search", spec.search.train, spec.resources.search),
        ("family", spec.train, spec.resources.family),
    ):
        images = recipe.batch // (resources.most_workers * recipe.accumulate)
        if isinstance(spec.baseline, FactoryBaseline):
            yield from _beyond_reach(where, spec.baseline.factory, recipe)
        if images < FEW_IMAGES:
            yield f"{where}: {images} images a worker are few for batch norm's statistics"
        yield from _idle_decoding(where, spec, resources, info)
    if info.train < spec.train.batch:
        yield f"{info.train} training images are fewer than a batch of {spec.train.batch}"
    if spec.search.seeds < 2:
        yield "one seed a candidate: the verdict cannot tell a difference from noise"
    if spec.gate.mode != "off" and (spec.gate.seeds or spec.search.seeds) < 2:
        yield "gate: one seed a contender cannot tell whether the order holds; set gate.seeds"


def _idle_decoding(
    where: str, spec: StudySpec, resources: Resources, info: DataInfo
) -> Iterator[str]:
    """Say where CPUs that are to decode would have nothing to do."""
    images = info.train + info.validation
    if resources.decode_cpus and not streams(spec.data, images, info.in_channels, info.size):
        yield (
            f"{where}: the images are kept in memory, so decode_cpus has nothing to do; "
            "`data.memory: never` streams them"
        )


def _beyond_reach(where: str, factory: str, recipe: Recipe) -> Iterator[str]:
    """Name the settings of a recipe that only a network of ours would take."""
    given = {
        "survival": recipe.survival < 1,
        "dropout": recipe.dropout > 0 or bool(recipe.dropout_phi7),
    }
    names = [name for name, is_set in given.items() if is_set]
    if names:
        yield f"{where}: the recipe's {' and '.join(names)} cannot reach into {factory}"


def plan_family(
    spec: StudySpec | TrainSpec,
    baseline: Candidate,
    info: DataInfo,
    coefficients: Coefficients,
    profile: DeviceProfile | None = None,
    networks: Networks = DATA_ONLY,
) -> FamilyPlan:
    """Plan the scaled networks: phi times the coefficients that the search found or a spec gave.

    `profile` as for plan_study. Raises PlanError for a phi that cannot be built.
    """
    require_phi(spec, baseline.architecture, [coefficients])
    measure = measure_of(spec, profile) if isinstance(spec, StudySpec) else counted("macs")
    found = [
        (phi, scaled(spec, baseline, coefficients, phi, measure, networks)) for phi in phis_of(spec)
    ]
    pixels = {network.architecture.resolution for _, network in found}
    require_sizes(spec.train, (network.architecture for _, network in found), networks)
    return FamilyPlan(
        study=spec.name,
        coefficients=coefficients,
        members=tuple(
            Member(
                phi=phi,
                network=network,
                nominal=coefficients.nominal**phi,
                jobs=tuple(_family_jobs(spec, info, network, phi, profile)),
            )
            for phi, network in found
        ),
        warnings=tuple(padding_warning(baseline.architecture, pixels)),
    )


def plan_train(
    spec: TrainSpec,
    info: DataInfo,
    networks: Networks = DATA_ONLY,
    profile: DeviceProfile | None = None,
) -> Variant:
    """Plan one scaled variant; the baseline that it is compared with is not trained.

    `profile` is of the device that `compile: auto` is settled by.
    Raises ArchitectureError where its `weights` do not fit that network.
    """
    _check(spec.train, spec.resources)
    baseline = _baseline_candidate(baseline_of(spec, info, networks))
    _require_axes(spec.coefficients, baseline.architecture, networks)
    family = plan_family(spec, baseline, info, spec.coefficients, profile, networks)
    if spec.weights is not None:
        from compound.orchestrator.scale.starting_weights import (
            with_weights,  # needs torch, which no other plan does
        )

        family = with_weights(spec.weights, baseline, family)
    held = profile if asks(spec) else None
    return Variant(study=spec.name, data=info, baseline=baseline, family=family, profile=held)


def _require_axes(coefficients: Coefficients, network: Network, networks: Networks) -> None:
    working = networks.axes(network)
    for axis, (name, value) in zip(AXES, coefficients.model_dump().items(), strict=True):
        if value != 1 and axis not in working:
            raise PlanError(
                f"{axis} has no effect on any tensor of this network",
                where=f"coefficients.{name}",
                allowed="1",
            )


def scaled(
    spec: StudySpec | TrainSpec,
    baseline: Candidate,
    coefficients: Coefficients,
    phi: float,
    measure: Measure,
    networks: Networks = DATA_ONLY,
) -> Candidate:
    """Return the baseline scaled by coefficients to the power of phi, with its cost."""
    network = networks.scale(baseline.architecture, coefficients, phi, spec.rounding)
    return Candidate(
        architecture=network,
        cost=count(network),
        ratio=measure(network) / measure(baseline.architecture),
        roles=(),
        coefficients=_powers(coefficients, phi),
    )


def _powers(coefficients: Coefficients, phi: float) -> Coefficients:
    return Coefficients(**{name: value**phi for name, value in coefficients.model_dump().items()})


def _family_jobs(
    spec: StudySpec | TrainSpec,
    info: DataInfo,
    network: Candidate,
    phi: float,
    profile: DeviceProfile | None,
) -> Iterator[PlannedJob]:
    if isinstance(spec, StudySpec):
        resources, seeds = spec.resources.family, spec.family.seeds
    else:
        resources, seeds = spec.resources, spec.seeds
    for seed in range(spec.seed, spec.seed + seeds):
        training = job(spec, info, network, spec.train, seed, phi=phi, profile=profile)
        request = JobRequest(
            job=training, resources=resources, label=f"phi{phi:g}-{label(network, seed)}"
        )
        yield PlannedJob(phase="family", candidate=network.id, phi=phi, request=request)
