"""Upper bounds of what a search may add to its plan.

Scores decide which candidates go on, so before the search only bounds are possible: the
candidates with the most activations, which take longest, go on.
"""

from collections.abc import Iterator, Sequence

from compound.jobs.models.scaled import Networks
from compound.orchestrator.plan.rate_jobs import at_other_rates
from compound.orchestrator.plan.schedules import (
    RungSchedule,
    first_seeds,
    promoted_count,
    rung_schedules,
    search_jobs,
)
from compound.orchestrator.scale.gate_plan import gate_of
from compound.schemas.architecture import AXES, Candidate
from compound.schemas.job import JobRequest
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.promotion import Rungs
from compound.schemas.study import StudySpec


def upper_bound_rounds(spec: StudySpec, plan: Plan) -> list[JobRequest]:
    """Return the most expensive jobs that rounds can add: points, promotion, seeds, sensitivity."""
    first, *later = rung_schedules(spec)
    added = _most_expensive(plan.untried)[: spec.search.rounds * spec.search.points]
    jobs = [*_trained(spec, plan, added, first, first_seeds(spec, first))]
    running = [*plan.candidates, *added]
    for rung in later:
        running = _promoted(spec, running)
        jobs += _trained(spec, plan, (plan.baseline, *running), rung, rung.seeds)
    if spec.search.sensitivity:
        jobs += at_other_rates(spec, plan, _dearest_pair(plan), (0.5, 2.0))
    return [job.request for job in jobs]


def _dearest_pair(plan: Plan) -> list[Candidate]:
    """Return the most expensive mix and the most expensive single axis."""
    axes = [candidate for candidate in plan.candidates if _is_axis(candidate)]
    mixes = [candidate for candidate in plan.candidates if not _is_axis(candidate)]
    return [*_most_expensive(mixes)[:1], *_most_expensive(axes)[:1]]


def upper_bound_gate(spec: StudySpec, plan: Plan, networks: Networks) -> list[JobRequest]:
    """Return the jobs of the most expensive gate that the search can lead to."""
    if spec.gate.mode == "off":
        return []
    axes = [candidate for candidate in plan.candidates if _is_axis(candidate)]
    mixes = _most_expensive([candidate for candidate in plan.candidates if not _is_axis(candidate)])
    planned = gate_of(spec, plan, [*mixes[: spec.gate.top], *axes], networks)
    return [job.request for job in planned.jobs]


def upper_bound_evaluated(spec: StudySpec, plan: Plan, choice: Candidate) -> list[JobRequest]:
    """Return the jobs of the search that are evaluated on the test part where this is chosen.

    They are those of the baseline, of the most expensive single axis and of the choice, with every
    seed that the search may give them.
    """
    axes = [candidate for candidate in plan.candidates if _is_axis(candidate)]
    networks = (plan.baseline, *_most_expensive(axes)[:1], choice)
    whole = rung_schedules(spec)[-1]
    jobs = _trained(spec, plan, networks, whole, whole.seeds)
    return list({job.request.job.id: job.request for job in jobs}.values())


def compared_in_last_rung(spec: StudySpec, candidates: Sequence[Candidate]) -> int:
    """Return how many networks the last schedule compares, of the design's."""
    running = list(candidates)
    for _ in rung_schedules(spec)[1:]:
        running = _promoted(spec, running)
    return len(running)


def _trained(
    spec: StudySpec, plan: Plan, networks: Sequence[Candidate], rung: RungSchedule, seeds: int
) -> Iterator[PlannedJob]:
    return search_jobs(spec, plan.data, networks, rung, range(seeds), plan.profile)


def _promoted(spec: StudySpec, running: Sequence[Candidate]) -> list[Candidate]:
    assert isinstance(spec.search.promotion, Rungs)
    mixes = [candidate for candidate in running if not _is_axis(candidate)]
    number = promoted_count(len(mixes), spec.search.promotion.keep)
    return [
        *(candidate for candidate in running if _is_axis(candidate)),
        *_most_expensive(mixes)[:number],
    ]


def _most_expensive(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: -candidate.cost.activations)


def _is_axis(candidate: Candidate) -> bool:
    return bool({*AXES} & {*candidate.roles})
