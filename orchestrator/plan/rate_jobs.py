"""Jobs at other learning rates: the recipe check before a search, the sensitivity after it."""

from collections.abc import Iterator, Sequence

from compound.orchestrator.plan.schedules import job, label
from compound.schemas.architecture import Candidate
from compound.schemas.data import DataInfo
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.recipe import MOST_RATE, Recipe, at_rate, rate_of, settled_rate
from compound.schemas.study import AnySpec, StudySpec

MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the spec's learning rate, or of the usual one."""
SEEDS = 2
"""As many as show the noise. All rates together pool it."""


def rate_jobs(
    spec: StudySpec, info: DataInfo, baseline: Candidate, profile: DeviceProfile | None
) -> Iterator[PlannedJob]:
    """Yield the jobs of the check, seed by seed: the baseline by the search's recipe.

    The schedule is the whole one, because a short one prefers other rates. So the jobs at the
    spec's own rate are jobs of the search, which trains them once.
    """
    if not spec.search.recipe_check:
        return
    for seed in range(spec.seed, spec.seed + min(SEEDS, spec.search.seeds)):
        for multiple in _allowed(spec, MULTIPLES):
            yield _rate_job(spec, info, baseline, multiple, seed, profile)


def at_other_rates(
    spec: StudySpec, plan: Plan, networks: Sequence[Candidate], multiples: Sequence[float]
) -> Iterator[PlannedJob]:
    """Yield the jobs of networks at multiples of the search's rate, with all its seeds."""
    for seed in range(spec.seed, spec.seed + spec.search.seeds):
        for multiple in _allowed(spec, multiples):
            for network in networks:
                yield _rate_job(spec, plan.data, network, multiple, seed, plan.profile)


def _allowed(spec: StudySpec, multiples: Sequence[float]) -> list[float]:
    """Leave out multiples whose rate no recipe may have."""
    own = rate_of(spec.search.train)
    return [multiple for multiple in multiples if own * multiple <= MOST_RATE]


def _rate_job(
    spec: StudySpec,
    info: DataInfo,
    network: Candidate,
    multiple: float,
    seed: int,
    profile: DeviceProfile | None,
) -> PlannedJob:
    recipe, baseline = at_rate(spec.search.train, multiple), "baseline" in network.roles
    request = JobRequest(
        job=job(spec, info, network, recipe, seed, phi=0.0, profile=profile),
        resources=spec.resources.search,
        label=f"{label(network, seed)}-lr{rate_of(recipe):g}",
    )
    phi = 0.0 if baseline else 1.0
    return PlannedJob(phase="recipe", candidate=network.id, phi=phi, request=request)


def with_rate(spec: StudySpec, multiple: float) -> StudySpec:
    """Return the spec with a number for every `learning_rate: auto`."""
    search = spec.search.model_copy(update={"train": settled_rate(spec.search.train, multiple)})
    return spec.model_copy(
        update={"train": settled_rate(spec.train, multiple), "search": search},
    )


def plan_at(spec: StudySpec, plan: Plan, multiple: float) -> Plan:
    """Return the plan with its search's jobs at the rate that the check has chosen."""
    if spec.search.train.learning_rate != "auto" or multiple == 1:
        return plan
    return plan.model_copy(update={"jobs": tuple(_faster(job, multiple) for job in plan.jobs)})


def _faster(planned: PlannedJob, multiple: float) -> PlannedJob:
    request = planned.request
    recipe = at_rate(request.job.recipe, multiple)
    training = request.job.model_copy(update={"recipe": recipe})
    return planned.model_copy(update={"request": request.model_copy(update={"job": training})})


def rate_key(spec: AnySpec) -> str:
    """Return the key of a spec that sets the learning rate of its first jobs."""
    own = spec.search is not None and spec.first_recipe.learning_rate != spec.train.learning_rate
    return "search.train.learning_rate" if own else "train.learning_rate"


def usual_rate(recipe: Recipe) -> float:
    """Return the learning rate that is usual for a recipe, per 256 images."""
    return rate_of(recipe.model_copy(update={"learning_rate": "auto"}))
