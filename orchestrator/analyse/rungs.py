"""What the shorter schedules of a search by rungs have shown, and how far their order held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from compound.orchestrator.analyse.scores import CandidateScores, Jobs, at_equal_cost, entry
from compound.orchestrator.plan.schedules import RungSchedule, rung_schedules
from compound.orchestrator.statistics.comparison import Noise, pooled
from compound.orchestrator.statistics.rank_correlation import correlation
from compound.schemas.gate import Correlation
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Rung


@dataclass(frozen=True)
class _Shown:
    """The candidates that trained one schedule, at equal cost, by identity."""

    stage: RungSchedule
    seeds: int
    entries: dict[str, CandidateScores]
    noise: Noise | None
    """Between the seeds of the baseline."""


def screened(
    spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]
) -> dict[str, tuple[float, ...]]:
    """Return each candidate's scores after the longest shorter schedule that it has trained."""
    scores: dict[str, tuple[float, ...]] = {}
    for shown in _shown(spec, plan, results, rung_schedules(spec)[:-1]):
        scores |= {one: entry.values for one, entry in shown.entries.items() if entry.scores}
    return scores


def rungs(spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]) -> tuple[Rung, ...]:
    """Return who trained each schedule and who went on; nothing for a search without rungs.

    The correlation is over those that came to the last rung, so of the best of each rung only:
    among them the order is hardest to tell.
    """
    every = _shown(spec, plan, results, rung_schedules(spec))
    if len(every) < 2:
        return ()
    last = every[-1]
    told = [
        Rung(
            epochs=one.stage.recipe.epochs,
            seeds=one.seeds,
            entered=len(one.entries),
            promoted=len(one.entries.keys() & following.entries.keys()),
            correlation=_held(one, last, spec.search.level),
        )
        for one, following in pairwise(every)
    ]
    epochs, seeds, entered = last.stage.recipe.epochs, last.seeds, len(last.entries)
    final = Rung(epochs=epochs, seeds=seeds, entered=entered, promoted=None, correlation=None)
    return (*told, final)


def _held(one: _Shown, last: _Shown, level: float) -> Correlation | None:
    both = [place for place in one.entries if place in last.entries]
    early, late = ([_at_budget(side.entries[i]) for i in both] for side in (one, last))
    return correlation(early, late, level, elsewhere=(one.noise, last.noise))


def _at_budget(one: CandidateScores) -> list[float]:
    return [score + one.shift for score in one.values]


def _shown(
    spec: StudySpec,
    plan: Plan,
    results: Mapping[str, JobResult],
    asked: Sequence[RungSchedule],
) -> list[_Shown]:
    return [_of_stage(spec, plan, results, stage) for stage in asked]


def _of_stage(
    spec: StudySpec, plan: Plan, results: Mapping[str, JobResult], stage: RungSchedule
) -> _Shown:
    jobs = by_length(plan, stage.recipe.epochs)
    baseline = entry(plan.baseline, jobs, results)
    entered = [entry(one, jobs, results) for one in plan.candidates if one.id in jobs]
    level = at_equal_cost(entered, baseline, spec.search.budget.multiple)
    seeds = max((len(jobs[one.id]) for one in level), default=0)
    return _Shown(stage, seeds, {one.id: one for one in level}, pooled([baseline.values]))


def by_length(plan: Plan, epochs: int) -> Jobs:
    """Return the jobs of one schedule by candidate, as identity and seed."""
    found: Jobs = {}
    for one in plan.jobs:
        training = one.request.job
        if training.recipe.epochs == epochs:
            found.setdefault(one.candidate, []).append((training.id, training.seed))
    return found
