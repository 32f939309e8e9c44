"""The power law of a study: every network on the line of its coefficients that has an error."""

from collections.abc import Mapping

from compound.jobs.models.scaled import Networks
from compound.orchestrator.design.baseline import DATA_ONLY
from compound.orchestrator.design.budget_cost import measure_of
from compound.orchestrator.design.limits import obstacles
from compound.orchestrator.plan.schedules import job
from compound.orchestrator.scale.family import scaled
from compound.orchestrator.scale.gate_plan import PHI
from compound.orchestrator.scale.power_law import fit
from compound.schemas.architecture import Candidate
from compound.schemas.errors import PlanError
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import FamilyPlan, Plan
from compound.schemas.power_law import Law, LawPoint
from compound.schemas.study import StudySpec


def law_of(
    spec: StudySpec,
    plan: Plan,
    family: FamilyPlan,
    results: Mapping[str, JobResult],
    networks: Networks = DATA_ONLY,
) -> Law | None:
    """Fit the law to what was trained by the family's recipe; None with fewer than two networks.

    That is the family, and whatever else of its coefficients' line a search or a gate happens to
    have trained by the same recipe: the baseline as phi 0, the choice as phi 1, phi 2. It is found
    by the jobs' identity, in `results` of all the study's jobs. Predicted are the phi of
    `family.predict` and the one after the largest that is trained; a phi that cannot be built is
    left out. Costs are in the budget's measure.
    """
    trained = _points(spec, plan, family, results, networks)
    phis = [point.phi for point in trained if point.errors]
    if not phis:
        return None
    ahead = dict.fromkeys((*spec.family.predict, max(phis) + 1))
    built = ((phi, _network(spec, plan, family, phi, networks)) for phi in ahead)
    predict = [(phi, network.ratio) for phi, network in built if network]
    return fit(trained, predict, spec.search.level, floor=0.5 / plan.data.validation)


def _points(
    spec: StudySpec,
    plan: Plan,
    family: FamilyPlan,
    results: Mapping[str, JobResult],
    networks: Networks,
) -> list[LawPoint]:
    """Return the family's networks, and others of its line that have errors; none twice."""
    phis = {member.phi for member in family.line}
    points: dict[str, LawPoint] = {}
    for phi in (*sorted(phis), *sorted({0.0, 1.0, PHI} - phis)):
        network = _network(spec, plan, family, phi, networks)
        if network is None or network.id in points:
            continue
        errors = _errors(spec, plan, network, phi, results)
        if errors or phi in phis:
            points[network.id] = LawPoint(phi=phi, ratio=network.ratio, errors=errors)
    return list(points.values())


def _network(
    spec: StudySpec, plan: Plan, family: FamilyPlan, phi: float, networks: Networks
) -> Candidate | None:
    """Return the network at phi; None where it cannot be built."""
    if phi == 0:
        return plan.baseline
    member = next((member for member in family.line if member.phi == phi), None)
    if member:
        return member.network
    if any(obstacles(spec, plan.baseline.architecture, family.coefficients, phi)):
        return None
    measure = measure_of(spec, plan.profile)
    try:
        return scaled(spec, plan.baseline, family.coefficients, phi, measure, networks)
    except PlanError:
        return None


def _errors(
    spec: StudySpec,
    plan: Plan,
    network: Candidate,
    phi: float,
    results: Mapping[str, JobResult],
) -> tuple[float, ...]:
    """Return the errors of a network's jobs by the family's recipe that ended well, by seed."""
    seeds = max(spec.search.seeds, spec.family.seeds, spec.gate.seeds or 0)
    identities = (
        job(spec, plan.data, network, spec.train, seed, phi=phi, profile=plan.profile).id
        for seed in range(spec.seed, spec.seed + seeds)
    )
    ended = [results[identity] for identity in identities if identity in results]
    done = [result for result in ended if result.status == "done" and ACCURACY in result.metrics]
    return tuple(1 - result.metrics[ACCURACY] for result in done)
