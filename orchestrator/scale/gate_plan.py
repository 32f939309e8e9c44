"""Which candidates enter the gate before the family, and the jobs that train them there."""

from collections.abc import Iterator, Sequence

from compound.jobs.models.scaled import Networks
from compound.orchestrator.design.baseline import DATA_ONLY
from compound.orchestrator.design.budget_cost import Measure, measure_of
from compound.orchestrator.design.limits import obstacles
from compound.orchestrator.plan.schedules import job, label, of_length
from compound.orchestrator.scale import gate_text
from compound.orchestrator.scale.family import scaled
from compound.orchestrator.wording.names import name
from compound.schemas.architecture import AXES, Candidate
from compound.schemas.gate import Entrant, GatePlan
from compound.schemas.job import JobRequest
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.recipe import Recipe
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Standing, Verdict

PHI = 2.0
"""The gate's scale: the smallest whole step beyond the search's own."""
LONGER = 2
"""Times the search's epochs."""


def contenders(spec: StudySpec, plan: Plan, verdict: Verdict) -> tuple[Candidate, ...]:
    """Return what the gate trains again: the choice, the top by mean accuracy, the controls.

    Single-axis controls without a score in the search are left out, and all candidates where the
    search has chosen none. `plan` holds the candidates of all rounds.
    """
    if verdict.chosen is None:
        return ()
    scored = [standing for standing in verdict.standings if standing.mean is not None]
    top = sorted(scored, key=_mean, reverse=True)[: spec.gate.top]
    if verdict.chosen not in {standing.candidate for standing in top}:
        top = top[: spec.gate.top - 1]
    controls = [standing for standing in scored if {*AXES} & {*standing.roles}]
    by_id = {candidate.id: candidate for candidate in plan.candidates}
    identities = [verdict.chosen, *(standing.candidate for standing in (*top, *controls))]
    return tuple(by_id[identity] for identity in dict.fromkeys(identities))


def _mean(standing: Standing) -> float:
    """Return the mean that comparisons use; the plain one in older studies."""
    scores = (standing.at_budget, standing.mean)
    return next(value for value in scores if value is not None)


def gate_plan(
    spec: StudySpec, plan: Plan, verdict: Verdict, networks: Networks = DATA_ONLY
) -> GatePlan:
    """Plan the gate's jobs, and the baseline's by the same recipe for the cost that differs.

    At phi 2 a job is the family's where candidate and seed are, so nothing is trained twice. Who
    cannot be built there, or is the same network as another one there, is left out and named.
    """
    return gate_of(spec, plan, contenders(spec, plan, verdict), networks)


def gate_of(
    spec: StudySpec, plan: Plan, chosen: Sequence[Candidate], networks: Networks = DATA_ONLY
) -> GatePlan:
    """Plan a gate for these candidates of the search."""
    entrants, warnings = _entrants(spec, plan, chosen, networks)
    recipe = _recipe(spec)
    longer = spec.gate.scale == "epochs"
    multiple = spec.search.budget.multiple
    return GatePlan(
        scale=f"{recipe.epochs} epochs" if longer else f"phi {PHI:g}",
        multiple=multiple if longer else multiple**PHI,
        baseline=plan.baseline.id,
        entrants=entrants,
        jobs=tuple(_jobs(spec, plan, recipe, entrants)) if entrants else (),
        warnings=warnings,
    )


def _recipe(spec: StudySpec) -> Recipe:
    """Return the family's recipe, or the search's stretched: what counts epochs grows along."""
    if spec.gate.scale == "phi":
        return spec.train
    return of_length(spec.search.train, LONGER * spec.search.train.epochs)


def _entrants(
    spec: StudySpec, plan: Plan, chosen: Sequence[Candidate], networks: Networks
) -> tuple[tuple[Entrant, ...], tuple[str, ...]]:
    """Return each network of the gate once, and a sentence for each contender without one."""
    measure = measure_of(spec, plan.profile)
    by_network: dict[str, Entrant] = {}
    left_out = []
    for candidate in chosen:
        network = _network(spec, plan, candidate, measure, networks)
        if isinstance(network, str):
            left_out.append(gate_text.cannot_be_built(name(candidate), network))
        elif network.id in by_network:
            left_out.append(gate_text.same_network(name(candidate), by_network[network.id].name))
        else:
            by_network[network.id] = Entrant(
                candidate=candidate.id, name=name(candidate), network=network
            )
    return tuple(by_network.values()), tuple(left_out)


def _network(
    spec: StudySpec, plan: Plan, candidate: Candidate, measure: Measure, networks: Networks
) -> Candidate | str:
    """Return a candidate's network at the gate's scale, or why there is none."""
    if spec.gate.scale == "epochs":
        return candidate
    broken = next(obstacles(spec, plan.baseline.architecture, candidate.coefficients, PHI), None)
    if broken:
        return f"phi {PHI:g} {broken[2]}"
    network = scaled(spec, plan.baseline, candidate.coefficients, PHI, measure, networks)
    return network.model_copy(update={"roles": candidate.roles})


def _jobs(
    spec: StudySpec, plan: Plan, recipe: Recipe, entrants: Sequence[Entrant]
) -> Iterator[PlannedJob]:
    larger = spec.gate.scale == "phi"
    scaled_networks = [
        (plan.baseline, 0.0),
        *((entrant.network, PHI if larger else 1.0) for entrant in entrants),
    ]
    for seed in range(spec.seed, spec.seed + (spec.gate.seeds or spec.search.seeds)):
        for network, scale in scaled_networks:
            phi = scale if larger else 0.0
            request = JobRequest(
                job=job(spec, plan.data, network, recipe, seed, phi=phi, profile=plan.profile),
                resources=spec.resources.search,
                label=f"gate-{label(network, seed)}",
            )
            yield PlannedJob(phase="gate", candidate=network.id, phi=scale, request=request)
