"""What a search trains next, from its results so far.

    design -> points (rounds of them) -> promotion from rung to rung -> seeds -> verdict

Every decision is a function of spec, plan and results. So a study that runs again takes the same
decisions from the same results, and needs no state beside the store.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compound.orchestrator.analyse.equal_cost import at_equal_cost
from compound.orchestrator.analyse.prediction import next_points, predict
from compound.orchestrator.analyse.rungs import by_length
from compound.orchestrator.analyse.scores import (
    CandidateScores,
    ScoredCandidates,
    candidate_scores,
    compare,
)
from compound.orchestrator.plan.schedules import (
    RungSchedule,
    first_seeds,
    promoted_count,
    rung_schedules,
    search_jobs,
)
from compound.orchestrator.wording.numbers import counted, percent
from compound.schemas.architecture import Candidate
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan, PlannedJob, Round, Rounds
from compound.schemas.promotion import Rungs
from compound.schemas.study import StudySpec

ResultsOf = Callable[[Iterable[str]], Mapping[str, JobResult]]
"""Returns the results of jobs by their ids, without those of jobs that have not ended."""


@dataclass(frozen=True)
class Search:
    """A search so far: its plan with all rounds, and the results of its jobs."""

    spec: StudySpec
    plan: Plan
    """Extended by all rounds."""
    rounds: Rounds
    results_of: ResultsOf

    @classmethod
    def of(cls, spec: StudySpec, plan: Plan, rounds: Rounds, results_of: ResultsOf) -> "Search":
        """Build a search from the plan of the design and the rounds that followed."""
        return cls(spec, plan.extended(rounds), rounds, results_of)

    @property
    def results(self) -> Mapping[str, JobResult]:
        """The results of the jobs that have ended."""
        return self.results_of([planned.request.job.id for planned in self.plan.jobs])

    @property
    def rung(self) -> int:
        """The rung that the search has reached, from 0."""
        return sum(round_.kind == "promotion" for round_ in self.rounds.rounds)

    def entries(self, schedule: RungSchedule) -> tuple[CandidateScores, list[CandidateScores]]:
        """Return the baseline and the candidates of a rung with their scores at equal cost."""
        jobs = by_length(self.plan, schedule.recipe.epochs)
        results = self.results_of(job for group in jobs.values() for job, _ in group)
        classes = len(self.plan.data.classes)
        baseline = candidate_scores(self.plan.baseline, jobs, results, classes)
        entered = [candidate for candidate in self.plan.candidates if candidate.id in jobs]
        entries = [candidate_scores(network, jobs, results, classes) for network in entered]
        return baseline, at_equal_cost(entries, baseline, self.spec.search.budget.multiple)

    def scored(self, schedule: RungSchedule) -> ScoredCandidates:
        """Return the candidates of a rung, compared."""
        return self.compared(self.entries(schedule)[1])

    def compared(self, entries: Sequence[CandidateScores]) -> ScoredCandidates:
        """Compare entries as the verdict does."""
        return compare(entries, self.spec.search.level, self.plan.data.validation)


def next_round(search: Search) -> Round | None:
    """Return the next round, or None where the verdict is due."""
    ladder = rung_schedules(search.spec)
    schedule = ladder[search.rung]
    if search.rung == 0 and (points := _points(search, schedule)):
        return points
    if search.rung + 1 < len(ladder):
        return _promotion(search, schedule, ladder[search.rung + 1])
    return _seeds(search, schedule) if first_seeds(search.spec, schedule) < schedule.seeds else None


def _points(search: Search, schedule: RungSchedule) -> Round | None:
    """Add the best predicted networks, up to the rounds of the spec."""
    made = sum(round_.kind == "points" for round_ in search.rounds.rounds)
    if made == search.spec.search.rounds:
        return None
    scored = search.scored(schedule)
    chosen = next_points(scored, search.plan.untried, search.spec.search.points)
    if not chosen:
        return None
    seeds = range(first_seeds(search.spec, schedule))
    return Round(
        kind="points",
        reason=_reason(search, scored, chosen),
        candidates=chosen,
        jobs=tuple(_trained(search, chosen, schedule, seeds)),
    )


def _reason(search: Search, scored: ScoredCandidates, chosen: Sequence[Candidate]) -> str:
    untried = search.plan.untried
    added = f"{counted(len(chosen), 'network')} of the {len(untried)} that the design left out."
    if scored.surface is None:
        return f"{added} They are the farthest from all others: a surface needs more networks."
    first = predict(scored, untried)[0]
    return (
        f"{added} The first is predicted at {percent(first.expected)} "
        f"({100 * first.low:.1f} to {percent(first.high)})."
    )


def _promotion(search: Search, schedule: RungSchedule, following: RungSchedule) -> Round | None:
    """Promote the best part of the mixes, and all single-axis controls, to the next schedule."""
    promotion = search.spec.search.promotion
    assert isinstance(promotion, Rungs)
    _, entries = search.entries(schedule)
    mixes, axes = [e for e in entries if not e.axis], [e.id for e in entries if e.axis]
    best = _best_part(mixes, promotion.keep)
    chosen = [candidate for candidate in search.plan.candidates if candidate.id in {*axes, *best}]
    number = first_seeds(search.spec, following)
    reason = (
        f"After {counted(schedule.recipe.epochs, 'epoch')} the best {len(best)} of "
        f"{counted(len(mixes), 'mix', 'mixes')} train for "
        f"{counted(following.recipe.epochs, 'epoch')} with {counted(number, 'seed')}, together "
        f"with {counted(len(axes), 'single-axis control')}."
    )
    jobs = tuple(_jobs(search, chosen, following, range(number)))
    return Round(kind="promotion", reason=reason, jobs=jobs)


def _best_part(mixes: Sequence[CandidateScores], part: float) -> list[str]:
    """Return this part of the mixes, highest mean first, without those that have no score.

    Means are taken as they are: drawn towards a surface they promote hardly better networks, and
    worse ones where one mix stands out (benchmarks/surface.py).
    """
    scored = sorted((mix for mix in mixes if mix.scores), key=lambda mix: -mix.at_budget)
    return [mix.id for mix in scored[: promoted_count(len(mixes), part)]]


def _jobs(
    search: Search, chosen: Sequence[Candidate], schedule: RungSchedule, seeds: range
) -> list[PlannedJob]:
    """Return the jobs of a rung for the chosen candidates, and all other jobs that have ended.

    A result counts also where it was trained before the spec was edited, or in another study.
    """
    plan = search.plan
    needed = [*_trained(search, (plan.baseline, *chosen), schedule, seeds)]
    ids = {planned.id for planned in chosen}
    rest = [planned for planned in plan.candidates if planned.id not in ids]
    free = [*_trained(search, rest, schedule, seeds)]
    ended = search.results_of(planned.request.job.id for planned in free)
    return [*needed, *(planned for planned in free if planned.request.job.id in ended)]


def _trained(
    search: Search, networks: Sequence[Candidate], schedule: RungSchedule, seeds: range
) -> Iterator[PlannedJob]:
    plan = search.plan
    return search_jobs(search.spec, plan.data, networks, schedule, seeds, plan.profile)


def _seeds(search: Search, schedule: RungSchedule) -> Round | None:
    """Add a seed to every candidate of the last rung, until the tied set does not change."""
    jobs = by_length(search.plan, schedule.recipe.epochs)
    first = search.spec.seed
    trained = 1 + max((seed for group in jobs.values() for _, seed in group), default=-1) - first
    if not 0 < trained < schedule.seeds:
        return None
    _, entries = search.entries(schedule)
    now, before = (_tied(search, entries, first + n) for n in (trained, trained - 1))
    if now is None or now == before:
        return None
    chosen = [candidate for candidate in search.plan.candidates if candidate.id in jobs]
    return Round(
        kind="seeds",
        reason=(
            f"With {counted(trained, 'seed')}, {len(now)} of {len(entries)} candidates are tied"
            f"{f' (with one seed less, {len(before)})' if before else ''}: one more seed follows."
        ),
        jobs=tuple(_jobs(search, chosen, schedule, range(trained, trained + 1))),
    )


def _tied(search: Search, entries: Sequence[CandidateScores], below: int) -> set[str] | None:
    """Return the tied set by the seeds below a number; None where the noise is unknown."""
    limited = [
        replace(entry, scores={seed: score for seed, score in entry.scores.items() if seed < below})
        for entry in entries
    ]
    scored = search.compared(limited)
    return {scored.candidates[i].id for i in scored.tied} if scored.comparison else None
