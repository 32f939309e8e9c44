"""The family: the baseline scaled by phi, and the jobs that train it."""

from collections.abc import Iterator, Sequence

from compound.jobs.models.scaled import Networks
from compound.jobs.networks.exact_cost import count
from compound.orchestrator.design.baseline import DATA_ONLY, baseline_candidate, baseline_of
from compound.orchestrator.design.budget_cost import Measure, measure_of
from compound.orchestrator.design.limits import (
    padding_warning,
    require_phi,
    require_rate,
    require_recipe,
    require_sizes,
)
from compound.orchestrator.design.network_space import Space
from compound.orchestrator.plan.compile_choice import compile_is_auto
from compound.orchestrator.plan.schedules import job, label
from compound.orchestrator.scale.way_networks import WayNetworks, scales_along
from compound.schemas.architecture import AXES, Candidate, Coefficients, Network, Way
from compound.schemas.data import DataInfo
from compound.schemas.errors import PlanError
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import FamilyPlan, LeftOut, Member, PlannedJob, Variant
from compound.schemas.recipe import Recipe
from compound.schemas.study import AnySpec, TrainSpec

Option = tuple[Way, Candidate] | LeftOut
"""A way with its network, or why it has none."""


def plan_family(
    spec: AnySpec,
    baseline: Candidate,
    info: DataInfo,
    coefficients: Coefficients,
    profile: DeviceProfile | None = None,
    networks: Networks = DATA_ONLY,
    ways: WayNetworks | None = None,
) -> FamilyPlan:
    """Plan the scaled networks: phi times the coefficients that the search found or a spec gave.

    At every phi the other ways of `family.along` follow, at the cost of the choice's network; one
    without such a network is left out. `ways`: their networks, for plans of several choices.
    `profile` as for plan_study. Raises PlanError for a phi at which the choice cannot be built.
    """
    require_phi(spec, baseline.architecture, [coefficients])
    measure = measure_of(spec, profile)
    choices = [
        (phi, scaled(spec, baseline, coefficients, phi, measure, networks)) for phi in spec.phis
    ]
    require_sizes(spec.train, (choice.architecture for _, choice in choices), networks)
    ways = ways or ways_of(spec, baseline, profile, networks)
    members, left_out = [], []
    for phi, choice in choices:
        options = _other_ways(spec, baseline, phi, choice, ways, networks) if ways else ()
        left_out += [option for option in options if isinstance(option, LeftOut)]
        built = [("choice", choice), *(pair for pair in options if not isinstance(pair, LeftOut))]
        for way, network in built:
            nominal = coefficients.nominal**phi if way == "choice" else network.coefficients.nominal
            jobs = tuple(_family_jobs(spec, info, network, phi, profile))
            members.append(Member(phi=phi, network=network, nominal=nominal, along=way, jobs=jobs))
    pixels = {member.network.architecture.resolution for member in members}
    return FamilyPlan(
        study=spec.name,
        coefficients=coefficients,
        members=tuple(members),
        warnings=tuple(padding_warning(baseline.architecture, pixels)),
        left_out=tuple(left_out),
        baseline=_baseline_member(spec, baseline, info, profile) if ways else None,
    )


def _baseline_member(
    spec: AnySpec, baseline: Candidate, info: DataInfo, profile: DeviceProfile | None
) -> Member:
    jobs = tuple(_family_jobs(spec, info, baseline, 0.0, profile))
    return Member(phi=0.0, network=baseline, nominal=1.0, jobs=jobs)


def ways_of(
    spec: AnySpec,
    baseline: Candidate,
    profile: DeviceProfile | None,
    networks: Networks,
    controls: Sequence[Candidate] = (),
) -> WayNetworks | None:
    """Return the networks along other ways than the choice's; None where none is to be trained.

    `controls`: the search's candidates.
    """
    if spec.search is None or len(spec.ways) < 2:
        return None
    measure = measure_of(spec, profile)
    space = Space(baseline.architecture, spec.search.budget, spec.rounding, measure, networks)
    return WayNetworks(space, controls)


def _other_ways(
    spec: AnySpec,
    baseline: Candidate,
    phi: float,
    choice: Candidate,
    ways: WayNetworks,
    networks: Networks,
) -> list[Option]:
    """Return each way's network at the cost of the choice, or why it has none."""
    if choice.id == baseline.id:
        reason = "the choice is the baseline itself, as every way is there"
        return [LeftOut(along=way, phi=phi, reason=reason) for way in spec.ways[1:]]
    options: list[Option] = []
    for way in spec.ways[1:]:
        own = scales_along(choice.coefficients, way)
        network = choice if own else ways.at(way, phi, choice.ratio)
        reason = network if isinstance(network, str) else _unfit(spec.train, network, networks)
        if reason or isinstance(network, str):
            options.append(LeftOut(along=way, phi=phi, reason=reason))
        else:
            options.append((way, network))
    return options


def _unfit(recipe: Recipe, network: Candidate, networks: Networks) -> str:
    """Return why a recipe cannot train a network; "" where it can."""
    try:
        require_sizes(recipe, [network.architecture], networks)
    except PlanError as error:
        return error.message
    return ""


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
    require_rate(spec)
    require_recipe(spec.train, spec.resources)
    baseline = baseline_candidate(baseline_of(spec, info, networks))
    _require_axes(spec.coefficients, baseline.architecture, networks)
    family = plan_family(spec, baseline, info, spec.coefficients, profile, networks)
    if spec.weights is not None:
        from compound.orchestrator.scale.starting_weights import (
            with_weights,  # needs torch, which no other plan does
        )

        family = with_weights(spec.weights, baseline, family)
    settled_by = profile if compile_is_auto(spec) else None
    return Variant(study=spec.name, data=info, baseline=baseline, family=family, profile=settled_by)


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
    spec: AnySpec,
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
    spec: AnySpec,
    info: DataInfo,
    network: Candidate,
    phi: float,
    profile: DeviceProfile | None,
) -> Iterator[PlannedJob]:
    for seed in range(spec.seed, spec.seed + spec.family_seeds):
        training = job(spec, info, network, spec.train, seed, phi=phi, profile=profile)
        request = JobRequest(
            job=training,
            resources=spec.family_resources,
            label=f"phi{phi:g}-{label(network, seed)}",
        )
        yield PlannedJob(phase="family", candidate=network.id, phi=phi, request=request)
