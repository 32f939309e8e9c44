"""The candidates of a search with their scores, brought to equal cost and set side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Literal

from compound.orchestrator.statistics.comparison import Comparison, Noise, pooled, residual, total
from compound.orchestrator.statistics.gaussian_process import ESTIMATED, GaussianProcess
from compound.orchestrator.statistics.scheffe import SPARE, Scheffe, basis
from compound.orchestrator.statistics.surface import Surface, splits_of
from compound.schemas.architecture import AXES, Axis, Candidate
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY, SPEED
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec

LONGEST = 2.0
"""How many times its own length the line of a candidate is trusted."""

Jobs = dict[str, list[tuple[str, int]]]
Asked = Literal["quadratic", "gaussian process"]
"""The surfaces that a spec may ask for."""


@dataclass(frozen=True)
class CandidateScores:
    """A candidate with its scores by seed, and how many of its jobs failed or were pruned."""

    id: str
    candidate: Candidate
    scores: dict[int, float]
    failed: int
    shift: float = 0.0
    """What its cost being not quite the budget's has taken from its scores."""
    speed: float | None = None
    """Images a second in training, the median of its jobs; None where none told."""
    pruned: int = 0

    @property
    def values(self) -> tuple[float, ...]:
        """The scores in the order of the seeds."""
        return tuple(self.scores[seed] for seed in sorted(self.scores))

    @property
    def mean(self) -> float:
        """The mean score; there must be one."""
        return sum(self.values) / len(self.scores)

    @property
    def at_budget(self) -> float:
        """The mean score at the budget's exact cost."""
        return self.mean + self.shift

    @property
    def axis(self) -> Axis | None:
        """The one axis that the candidate scales; None for a mix."""
        return next((axis for axis in AXES if axis in self.candidate.roles), None)


NO_LUCK = Noise(0.0, 1)
"""Of scores that do not show it."""


@dataclass(frozen=True)
class ScoredCandidates:
    """The candidates with a score, best mean at the budget's cost first."""

    scored: tuple[CandidateScores, ...]
    level: float
    noise: Noise | None
    comparison: Comparison | None
    """Over `scored`, in that order; None where fewer than two can be compared."""
    surface: Surface | None
    """Over `scored` too, and with `comparison`."""
    luck: Noise = NO_LUCK
    """What the seeds bring to the means of all alike, where the table of scores is complete."""

    @property
    def controls(self) -> list[int]:
        """Positions of the single-axis controls."""
        return [i for i, entry in enumerate(self.scored) if entry.axis]

    @property
    def mixes(self) -> list[int]:
        """Positions of the candidates that scale more than one axis."""
        return [i for i, entry in enumerate(self.scored) if not entry.axis]

    @cached_property
    def tied(self) -> list[int]:
        """Positions of the candidates that may be the best; empty where nobody can say."""
        if self.comparison:
            return self.comparison.tied()
        return [0] if self.noise and self.scored else []

    @cached_property
    def proven(self) -> list[int]:
        """Positions of the mixes that are proven better than every control."""
        if self.comparison is None or not self.controls or not self.mixes:
            return []
        return self.comparison.proven(self.mixes, self.controls, (1 - self.level) / 2)


def planned(plan: Plan) -> Jobs:
    """Return the search jobs of each candidate, as identity and seed."""
    jobs: Jobs = {}
    for one in plan.jobs:
        if one.phase == "search":
            job = one.request.job
            jobs.setdefault(one.candidate, []).append((job.id, job.seed))
    return jobs


def entry(candidate: Candidate, jobs: Jobs, results: Mapping[str, JobResult]) -> CandidateScores:
    """Return a candidate with what its jobs have brought."""
    scores: dict[int, float] = {}
    speeds: list[float] = []
    failed = pruned = 0
    identity = candidate.id
    for job, seed in jobs.get(identity, []):
        result = results.get(job)
        if result and result.status == "done" and ACCURACY in result.metrics:
            scores[seed] = result.metrics[ACCURACY]
            speeds += [result.metrics[SPEED]] if SPEED in result.metrics else []
        elif result and result.pruned:
            pruned += 1
        elif result and result.status != "stopped":
            failed += 1
    speed = median(speeds) if speeds else None
    return CandidateScores(identity, candidate, scores, failed, speed=speed, pruned=pruned)


def at_equal_cost(
    entries: Sequence[CandidateScores], baseline: CandidateScores, multiple: float
) -> list[CandidateScores]:
    """Move every candidate to a cost of exactly `multiple` times the baseline's.

    It moves along its own line, from the baseline's point through its own, over the logarithm of
    cost: candidates lie too close together in cost to show a slope among themselves. Without a
    score of the baseline, and where it is most of the way that is missing, nothing is moved.
    """
    if not baseline.scores:
        return list(entries)
    return [
        replace(one, shift=(_stretch(one, multiple) - 1) * (one.mean - baseline.mean))
        if one.scores
        else one
        for one in entries
    ]


def _stretch(one: CandidateScores, multiple: float) -> float:
    """Return how much longer the line to the multiple is than the one to the candidate."""
    doublings = math.log2(one.candidate.ratio)
    wanted = math.log2(multiple)
    return wanted / doublings if doublings > wanted / LONGEST else 1.0


def compare(
    entries: Sequence[CandidateScores], level: float, floor: float, surface: Asked = "quadratic"
) -> ScoredCandidates:
    """Set the candidates that have a score side by side; no noise is below the floor."""
    ordered = sorted((e for e in entries if e.scores), key=lambda e: -e.at_budget)
    scored = tuple(ordered)
    groups = [[value + one.shift for value in one.values] for one in scored]
    noise = pooled(groups)
    if noise is None:
        return ScoredCandidates(scored, level, None, None, None)
    noise = noise.at_least(floor)
    if len(scored) < 2:
        return ScoredCandidates(scored, level, noise, None, None)
    complete = all(one.scores.keys() == scored[0].scores.keys() for one in scored)
    differences = noise
    if complete:
        noise, differences = (of(groups).at_least(floor) for of in (total, residual))
    comparison = Comparison.of(groups, differences, level)
    fitted = _surface(scored, comparison, surface)
    luck = _luck(noise, differences, len(groups[0])) if complete else NO_LUCK
    return ScoredCandidates(scored, level, noise, comparison, fitted, luck)


def _surface(scored: Sequence[CandidateScores], comparison: Comparison, asked: Asked) -> Surface:
    """Fit the surface asked for; a process that the candidates cannot carry is a constant."""
    shares = [one.candidate.shares for one in scored]
    known = [one for one in shares if one is not None]
    means, counts, noise = comparison.means, comparison.counts, comparison.noise
    if asked == "quadratic" or len(known) < max(len(shares), ESTIMATED + SPARE):
        return Scheffe.fit(means, counts, noise, basis(shares))
    return GaussianProcess.fit(means, counts, noise, splits_of(known))


def _luck(total: Noise, differences: Noise, seeds: int) -> Noise:
    """Return the deviation of what `seeds` seeds have brought to every mean."""
    variance = max(total.sd**2 - differences.sd**2, 0.0) / seeds
    return Noise(variance**0.5, max(seeds - 1, 1))


def field_of(spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]) -> ScoredCandidates:
    """Return the candidates of a search side by side, as the verdict has them."""
    return gathered(spec, plan, results, planned(plan))[2]


def gathered(
    spec: StudySpec, plan: Plan, results: Mapping[str, JobResult], jobs: Jobs
) -> tuple[CandidateScores, list[CandidateScores], ScoredCandidates]:
    """Return the baseline, the candidates at equal cost, and those of them with a score."""
    search = spec.search
    baseline = entry(plan.baseline, jobs, results)
    entries = [entry(candidate, jobs, results) for candidate in plan.candidates]
    entries = at_equal_cost(entries, baseline, search.budget.multiple)
    resolution = accuracy_resolution(plan)
    return baseline, entries, compare(entries, search.level, resolution, search.surface)


def accuracy_resolution(plan: Plan) -> float:
    """The deviation that counting right answers adds to an accuracy: no noise is below it."""
    return float(1 / (plan.data.validation * 12**0.5))
