"""What a search trains next, from what it has found so far.

    design -> points (rounds of them) -> promotion from rung to rung -> seeds -> verdict

Every decision is a function of spec, plan and results. Running a study again therefore takes the
same decisions from the same results, and needs no other memory than the store.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compound.orchestrator.analyse.prediction import next_points, predict
from compound.orchestrator.analyse.rungs import by_length
from compound.orchestrator.analyse.scores import (
    CandidateScores,
    ScoredCandidates,
    accuracy_resolution,
    at_equal_cost,
    compare,
    entry,
)
from compound.orchestrator.choose.promotion import best_part
from compound.orchestrator.plan.schedules import (
    RungSchedule,
    first_seeds,
    rung_schedules,
    search_jobs,
)
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.architecture import Candidate
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan, PlannedJob, Round, Rounds
from compound.schemas.promotion import Rungs
from compound.schemas.study import StudySpec

Known = Callable[[Iterable[str]], Mapping[str, JobResult]]
"""Tells how jobs ended, by their ids; leaves out those that have not."""

PROMISING = 0.05
"""Expected improvement, over the noise, below which no network is worth a round."""


@dataclass(frozen=True)
class Search:
    """A search so far: its plan with all rounds, and how its jobs ended."""

    spec: StudySpec
    plan: Plan
    """Extended by all rounds."""
    rounds: Rounds
    known: Known

    @classmethod
    def of(cls, spec: StudySpec, plan: Plan, rounds: Rounds, known: Known) -> "Search":
        """Take the plan as it was designed."""
        return cls(spec, plan.extended(rounds), rounds, known)

    @property
    def results(self) -> Mapping[str, JobResult]:
        """How the jobs ended, of those that have."""
        return self.known([one.request.job.id for one in self.plan.jobs])

    @property
    def rung(self) -> int:
        """The rung that the search has come to, from 0."""
        return sum(one.kind == "promotion" for one in self.rounds.rounds)

    def entries(self, stage: RungSchedule) -> tuple[CandidateScores, list[CandidateScores]]:
        """Return the baseline and the candidates of a stage with their scores at equal cost."""
        jobs = by_length(self.plan, stage.recipe.epochs)
        results = self.known(job for group in jobs.values() for job, _ in group)
        baseline = entry(self.plan.baseline, jobs, results)
        entered = [one for one in self.plan.candidates if one.id in jobs]
        entries = [entry(one, jobs, results) for one in entered]
        return baseline, at_equal_cost(entries, baseline, self.spec.search.budget.multiple)

    def field(self, stage: RungSchedule) -> ScoredCandidates:
        """Return the candidates of a stage side by side."""
        return self.compared(self.entries(stage)[1])

    def compared(self, entries: Sequence[CandidateScores]) -> ScoredCandidates:
        """Set entries side by side, as the verdict does."""
        asked = self.spec.search
        return compare(entries, asked.level, accuracy_resolution(self.plan), asked.surface)


def next_round(search: Search) -> Round | None:
    """Return what is to be trained next, or None where the verdict is due."""
    ladder = rung_schedules(search.spec)
    stage = ladder[search.rung]
    if search.rung == 0 and (wanted := _points(search, stage)):
        return wanted
    if search.rung + 1 < len(ladder):
        return _promotion(search, stage, ladder[search.rung + 1])
    return _seeds(search, stage) if first_seeds(search.spec, stage) < stage.seeds else None


def _points(search: Search, stage: RungSchedule) -> Round | None:
    """Add the networks that promise most, as often as the spec says and while any does."""
    made = sum(one.kind == "points" for one in search.rounds.rounds)
    if made == search.spec.search.rounds:
        return None
    field, untried = search.field(stage), search.plan.untried
    wanted = next_points(field, untried, search.spec.search.points)
    told = {one.candidate: one for one in predict(field, untried, field.level)}
    if not wanted or field.comparison is None:
        return None
    best = told[wanted[0].id]
    if best.improvement < PROMISING * field.comparison.noise.sd:
        return None
    seeds = range(first_seeds(search.spec, stage))
    return Round(
        kind="points",
        reason=(
            f"{counted(len(wanted), 'network')} of {len(untried)} that the design left out: the "
            f"first is expected at {100 * best.expected:.1f} % ({100 * best.low:.1f} to "
            f"{100 * best.high:.1f} %), {points(best.improvement)} points of improvement."
        ),
        candidates=wanted,
        jobs=tuple(_trained(search, wanted, stage, seeds)),
    )


def _promotion(search: Search, stage: RungSchedule, following: RungSchedule) -> Round | None:
    """Let the best part go on to the next schedule, and the single-axis controls with it."""
    promotion = search.spec.search.promotion
    assert isinstance(promotion, Rungs)
    baseline, entries = search.entries(stage)
    mixes, axes = [e for e in entries if not e.axis], [e.id for e in entries if e.axis]
    best = best_part(baseline, mixes, promotion.keep)
    chosen = [one for one in search.plan.candidates if one.id in {*axes, *best}]
    number = first_seeds(search.spec, following)
    reason = (
        f"After {counted(stage.recipe.epochs, 'epoch')} the best {len(best)} of "
        f"{counted(len(mixes), 'mix', 'mixes')} go on to "
        f"{counted(following.recipe.epochs, 'epoch')} with {counted(number, 'seed')}, and so "
        f"{'does' if len(axes) == 1 else 'do'} {counted(len(axes), 'single-axis control')}."
    )
    jobs = tuple(_jobs(search, chosen, following, range(number)))
    return Round(kind="promotion", reason=reason, jobs=jobs)


def _jobs(
    search: Search, chosen: Sequence[Candidate], stage: RungSchedule, seeds: range
) -> list[PlannedJob]:
    """Return the jobs of a stage for those chosen, and all others that are done already.

    What was trained before the spec was edited, or in another study, counts for nothing less.
    """
    plan = search.plan
    wanted = [*_trained(search, (plan.baseline, *chosen), stage, seeds)]
    ids = {one.id for one in chosen}
    others = [one for one in plan.candidates if one.id not in ids]
    free = [*_trained(search, others, stage, seeds)]
    known = search.known(one.request.job.id for one in free)
    return [*wanted, *(one for one in free if one.request.job.id in known)]


def _trained(
    search: Search, networks: Sequence[Candidate], stage: RungSchedule, seeds: range
) -> Iterator[PlannedJob]:
    plan = search.plan
    return search_jobs(search.spec, plan.data, networks, stage, seeds, plan.profile)


def _seeds(search: Search, stage: RungSchedule) -> Round | None:
    """Add a seed to everyone of the last rung, until the tied set stays what it was."""
    jobs = by_length(search.plan, stage.recipe.epochs)
    first = search.spec.seed
    trained = 1 + max((seed for group in jobs.values() for _, seed in group), default=-1) - first
    if not 0 < trained < stage.seeds:
        return None
    _, entries = search.entries(stage)
    now, before = (_tied(search, entries, first + n) for n in (trained, trained - 1))
    if now is None or now == before:
        return None
    chosen = [one for one in search.plan.candidates if one.id in jobs]
    return Round(
        kind="seeds",
        reason=(
            f"With {counted(trained, 'seed')} {len(now)} of {len(entries)} are tied"
            f"{f', with one less it was {len(before)}' if before else ''}: one seed more."
        ),
        jobs=tuple(_jobs(search, chosen, stage, range(trained, trained + 1))),
    )


def _tied(search: Search, entries: Sequence[CandidateScores], below: int) -> set[str] | None:
    """Return who is tied by the seeds below a number; None where nobody can say."""
    kept = [
        replace(one, scores={seed: score for seed, score in one.scores.items() if seed < below})
        for one in entries
    ]
    field = search.compared(kept)
    return {field.scored[i].id for i in field.tied} if field.comparison else None
