"""The family: the baseline scaled by phi, and the jobs that train it."""

from collections.abc import Iterator

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
from compound.orchestrator.plan.compile_choice import compile_is_auto
from compound.orchestrator.plan.schedules import job, label
from compound.schemas.architecture import AXES, Candidate, Coefficients, Network
from compound.schemas.data import DataInfo
from compound.schemas.errors import PlanError
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import FamilyPlan, Member, PlannedJob, Variant
from compound.schemas.study import AnySpec, TrainSpec


def plan_family(
    spec: AnySpec,
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
    measure = measure_of(spec, profile)
    networks_by_phi = [
        (phi, scaled(spec, baseline, coefficients, phi, measure, networks)) for phi in spec.phis
    ]
    pixels = {network.architecture.resolution for _, network in networks_by_phi}
    require_sizes(spec.train, (network.architecture for _, network in networks_by_phi), networks)
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
            for phi, network in networks_by_phi
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
