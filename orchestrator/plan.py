"""From a spec and what its data holds to the jobs of the search, and later of the family."""

from collections.abc import Iterator

from jobs.complexity import count
from jobs.models.zoo import NETWORKS
from jobs.scaling import MULTIPLIER, scale
from jobs.training.schedule import check_batch
from orchestrator.design import design
from orchestrator.space import Space
from schemas.architecture import Architecture, Candidate, Coefficients
from schemas.baseline import NamedBaseline
from schemas.data import DataInfo
from schemas.errors import PlanError
from schemas.job import DataRef, JobRequest, TrainJob
from schemas.plan import FamilyPlan, Member, Plan, PlannedJob
from schemas.recipe import Recipe
from schemas.study import StudySpec, TrainSpec

FEW_IMAGES = 8
"""Images a worker and micro-batch under which batch norm's statistics are too noisy."""


def baseline_of(spec: StudySpec | TrainSpec, info: DataInfo) -> Architecture:
    """Return the baseline with the data's classes and channels.

    Raises PlanError where its resolution is below its total stride.
    """
    given, update = spec.baseline, _fitted(info)
    if isinstance(given, NamedBaseline):
        network = NETWORKS[given.name]
        update["resolution"] = given.resolution or network.resolution
        network = network.model_copy(update=update)
    else:
        network = Architecture.model_validate({**given.model_dump(), **update})
    _require_resolution(network, "baseline.resolution")
    return network


def _fitted(info: DataInfo) -> dict[str, int]:
    return {"num_classes": len(info.classes), "in_channels": info.in_channels}


def _require_resolution(network: Architecture, where: str) -> None:
    if network.resolution < network.total_stride:
        raise PlanError(
            f"resolution {network.resolution} is below the network's total stride",
            where=where,
            allowed=f"{network.total_stride} pixels or more",
        )


def plan_study(spec: StudySpec, info: DataInfo) -> Plan:
    """Plan the search: candidates of equal realised cost, controls, and a job for each seed.

    Raises PlanError where the spec holds but nothing can be made of it.
    """
    check_batch(spec.search.train, spec.resources.search.workers, "search.train.batch")
    check_batch(spec.train, spec.resources.family.workers)
    network = baseline_of(spec, info)
    designed = design(Space(network, spec.search.budget, spec.rounding), spec.search.design)
    baseline = _baseline_candidate(network)
    return Plan(
        study=spec.name,
        data=info,
        baseline=baseline,
        candidates=designed.candidates,
        dropped=designed.dropped,
        points=designed.points,
        jobs=tuple(_search_jobs(spec, info, (baseline, *designed.candidates))),
        warnings=(*designed.warnings, *_warnings(spec, info)),
    )


def _baseline_candidate(network: Architecture) -> Candidate:
    return Candidate(
        architecture=network,
        cost=count(network),
        ratio=1.0,
        roles=("baseline",),
        coefficients=Coefficients(),
    )


def _search_jobs(
    spec: StudySpec, info: DataInfo, candidates: tuple[Candidate, ...]
) -> Iterator[PlannedJob]:
    """Yield the jobs seed by seed, so that an early stop leaves every candidate with some."""
    for seed in range(spec.seed, spec.seed + spec.search.seeds):
        for candidate in candidates:
            job = _job(spec, info, candidate, spec.search.train, seed)
            phi = 0.0 if "baseline" in candidate.roles else 1.0
            yield PlannedJob(
                phase="search",
                candidate=candidate.id,
                phi=phi,
                request=JobRequest(
                    job=job, resources=spec.resources.search, label=label(candidate, seed)
                ),
            )


def _job(
    spec: StudySpec | TrainSpec, info: DataInfo, candidate: Candidate, recipe: Recipe, seed: int
) -> TrainJob:
    data = DataRef(spec=spec.data, fingerprint=info.fingerprint)
    return TrainJob(architecture=candidate.architecture, recipe=recipe, data=data, seed=seed)


def label(candidate: Candidate, seed: int) -> str:
    """Return the name that people read for a job: depth, width, resolution, seed."""
    triple, network = candidate.coefficients, candidate.architecture
    return f"d{triple.alpha:.2f}-w{triple.beta:.2f}-r{network.resolution}-s{seed}"


def _warnings(spec: StudySpec, info: DataInfo) -> Iterator[str]:
    for where, recipe, resources in (
        ("search", spec.search.train, spec.resources.search),
        ("family", spec.train, spec.resources.family),
    ):
        images = recipe.batch // (resources.workers * recipe.accumulate)
        if images < FEW_IMAGES:
            yield f"{where}: {images} images a worker are few for batch norm's statistics"
    if info.train < spec.train.batch:
        yield f"{info.train} training images are fewer than a batch of {spec.train.batch}"
    if spec.search.seeds < 2:
        yield "one seed a candidate: the verdict cannot tell a difference from noise"


def plan_family(
    spec: StudySpec | TrainSpec, baseline: Candidate, info: DataInfo, coefficients: Coefficients
) -> FamilyPlan:
    """Plan the scaled networks: phi times the coefficients that the search found or a spec gave."""
    phis = spec.family.phi if isinstance(spec, StudySpec) else (spec.phi,)
    members = tuple(_member(spec, baseline, info, coefficients, phi) for phi in phis)
    return FamilyPlan(study=spec.name, coefficients=coefficients, members=members)


def plan_train(spec: TrainSpec, info: DataInfo) -> tuple[Candidate, FamilyPlan]:
    """Plan one scaled variant; also return the baseline that it is compared with.

    Raises ArchitectureError where its `weights` do not fit that network.
    """
    check_batch(spec.train, spec.resources.workers)
    baseline = _baseline_candidate(baseline_of(spec, info))
    family = plan_family(spec, baseline, info, spec.coefficients)
    if spec.weights is None:
        return baseline, family
    from orchestrator.weights import with_weights  # needs torch, which no other plan does

    return baseline, with_weights(spec.weights, baseline, family)


def _member(
    spec: StudySpec | TrainSpec,
    baseline: Candidate,
    info: DataInfo,
    coefficients: Coefficients,
    phi: float,
) -> Member:
    scaled = scale(baseline.architecture, coefficients, phi, spec.rounding)
    _require_resolution(scaled, "phi")
    unit = spec.search.budget.cost if isinstance(spec, StudySpec) else "macs"
    cost = count(scaled)
    network = Candidate(
        architecture=scaled,
        cost=cost,
        ratio=getattr(cost, unit) / getattr(baseline.cost, unit),
        roles=(),
        coefficients=_powers(spec, coefficients, phi),
    )
    jobs = tuple(_family_jobs(spec, info, network, phi))
    return Member(phi=phi, network=network, nominal=coefficients.nominal**phi, jobs=jobs)


def _powers(spec: StudySpec | TrainSpec, coefficients: Coefficients, phi: float) -> Coefficients:
    """Return the coefficients to the power of phi. PlanError: depth or width out of range."""
    powers = {name: value**phi for name, value in coefficients.model_dump().items()}
    low, high = MULTIPLIER
    for axis, name in (("depth", "alpha"), ("width", "beta")):
        if not low <= powers[name] <= high:
            raise PlanError(
                f"phi {phi:g} of {name} {getattr(coefficients, name):g} multiplies the {axis} "
                f"by {powers[name]:.3g}",
                where="family.phi" if isinstance(spec, StudySpec) else "phi",
                allowed=f"{low:g} to {high:g}",
            )
    return Coefficients(**powers)


def _family_jobs(
    spec: StudySpec | TrainSpec, info: DataInfo, network: Candidate, phi: float
) -> Iterator[PlannedJob]:
    if isinstance(spec, StudySpec):
        resources, seeds = spec.resources.family, spec.family.seeds
    else:
        resources, seeds = spec.resources, spec.seeds
    for seed in range(spec.seed, spec.seed + seeds):
        job = _job(spec, info, network, spec.train, seed)
        request = JobRequest(
            job=job, resources=resources, label=f"phi{phi:g}-{label(network, seed)}"
        )
        yield PlannedJob(phase="family", candidate=network.id, phi=phi, request=request)
