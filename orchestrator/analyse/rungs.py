"""Scores of each rung of a search, and how well its order agrees with that of the last rung."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from compound.orchestrator.analyse.equal_cost import at_equal_cost
from compound.orchestrator.analyse.scores import CandidateScores, Jobs, candidate_scores
from compound.orchestrator.plan.schedules import RungSchedule, rung_schedules
from compound.orchestrator.statistics.noise import Noise, pooled
from compound.orchestrator.statistics.rank_correlation import correlation
from compound.schemas.gate import Correlation
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Rung


@dataclass(frozen=True)
class RungScores:
    """The candidates of one rung, at equal cost, by identity."""

    schedule: RungSchedule
    seeds: int
    entries: dict[str, CandidateScores]
    noise: Noise | None
    """Between the seeds of the baseline."""


def screened(by_rung: Sequence[RungScores]) -> dict[str, tuple[float, ...]]:
    """Return each candidate's scores after the longest schedule below the whole one."""
    scores: dict[str, tuple[float, ...]] = {}
    for rung in by_rung[:-1]:
        scores |= {
            candidate: entry.values for candidate, entry in rung.entries.items() if entry.scores
        }
    return scores


def rungs(by_rung: Sequence[RungScores], level: float) -> tuple[Rung, ...]:
    """Return how many candidates entered and left each rung; nothing for a search without rungs.

    The correlation is over the candidates that reached the last rung, so only over the best of
    each rung: their order is the hardest to determine.
    """
    if len(by_rung) < 2:
        return ()
    last = by_rung[-1]
    earlier = [
        Rung(
            epochs=rung.schedule.recipe.epochs,
            seeds=rung.seeds,
            entered=len(rung.entries),
            promoted=len(rung.entries.keys() & following.entries.keys()),
            correlation=_agreement(rung, last, level),
        )
        for rung, following in pairwise(by_rung)
    ]
    epochs, seeds, entered = last.schedule.recipe.epochs, last.seeds, len(last.entries)
    final = Rung(epochs=epochs, seeds=seeds, entered=entered, promoted=None, correlation=None)
    return (*earlier, final)


def _agreement(rung: RungScores, last: RungScores, level: float) -> Correlation | None:
    both = [candidate for candidate in rung.entries if candidate in last.entries]
    early, late = ([side.entries[i].values_at_budget for i in both] for side in (rung, last))
    return correlation(early, late, level, fallback=(rung.noise, last.noise))


def scores_of_rungs(
    spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]
) -> list[RungScores]:
    """Return the scores of every schedule of a search, the shortest first."""
    schedules = rung_schedules(spec)
    return [_scores_of_rung(spec, plan, results, schedule) for schedule in schedules]


def _scores_of_rung(
    spec: StudySpec, plan: Plan, results: Mapping[str, JobResult], schedule: RungSchedule
) -> RungScores:
    jobs, classes = by_length(plan, schedule.recipe.epochs), len(plan.data.classes)
    baseline = candidate_scores(plan.baseline, jobs, results, classes)
    entered = [
        candidate_scores(candidate, jobs, results, classes)
        for candidate in plan.candidates
        if candidate.id in jobs
    ]
    entries = at_equal_cost(entered, baseline, spec.search.budget.multiple)
    seeds = max((len(jobs[candidate.id]) for candidate in entries), default=0)
    return RungScores(
        schedule,
        seeds,
        {candidate.id: candidate for candidate in entries},
        pooled([baseline.values]),
    )


def by_length(plan: Plan, epochs: int) -> Jobs:
    """Return the jobs of one schedule by candidate, as identity and seed."""
    jobs: Jobs = {}
    for planned in plan.jobs:
        training = planned.request.job
        if training.recipe.epochs == epochs:
            jobs.setdefault(planned.candidate, []).append((training.id, training.seed))
    return jobs
