"""The candidates of a search with their scores, moved to equal cost and compared."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Literal

from compound.orchestrator.statistics.gaussian_process import ESTIMATED, GaussianProcess
from compound.orchestrator.statistics.noise import Noise, pooled, residual, total
from compound.orchestrator.statistics.scheffe import SPARE, Scheffe, basis
from compound.orchestrator.statistics.surface import Surface, splits_of
from compound.orchestrator.statistics.tied_set import Comparison
from compound.schemas.architecture import AXES, Axis, Candidate, Shares
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY, SPEED, limited
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec

LONGEST = 2.0
"""Longest extrapolation along a candidate's line, in lengths of the line."""

Jobs = dict[str, list[tuple[str, int]]]
RequestedSurface = Literal["quadratic", "gaussian process"]
"""The surfaces that a spec may request."""


@dataclass(frozen=True)
class CandidateScores:
    """A candidate with its scores by seed, and how many of its jobs failed or were pruned."""

    id: str
    candidate: Candidate
    scores: dict[int, float]
    failed: int
    shift: float = 0.0
    """Correction of its scores to the budget's exact cost."""
    speed: float | None = None
    """Images per second in training, the median of its jobs; None where no job reported it."""
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


NO_SEED_EFFECT = Noise(0.0, 1)
"""For scores from which it cannot be estimated."""


@dataclass(frozen=True)
class ScoredCandidates:
    """The candidates with a score, best mean at the budget's cost first."""

    candidates: tuple[CandidateScores, ...]
    level: float
    noise: Noise | None
    comparison: Comparison | None
    """Over `candidates`, in that order; None where fewer than two can be compared."""
    surface: Surface | None
    """Over `candidates` too, and with `comparison`."""
    seed_effect: Noise = NO_SEED_EFFECT
    """What the seeds add to all means alike; estimated where the table of scores is complete."""

    @property
    def controls(self) -> list[int]:
        """Positions of the single-axis controls."""
        return [i for i, entry in enumerate(self.candidates) if entry.axis]

    @property
    def mixes(self) -> list[int]:
        """Positions of the candidates that scale more than one axis."""
        return [i for i, entry in enumerate(self.candidates) if not entry.axis]

    @cached_property
    def tied(self) -> list[int]:
        """Positions of the candidates that may be the best; empty where the noise is unknown."""
        if self.comparison:
            return self.comparison.tied()
        return [0] if self.noise and self.candidates else []

    @cached_property
    def proven(self) -> list[int]:
        """Positions of the mixes that are proven better than every control."""
        if self.comparison is None or not self.controls or not self.mixes:
            return []
        return self.comparison.proven(self.mixes, self.controls, (1 - self.level) / 2)


def planned(plan: Plan) -> Jobs:
    """Return the search jobs of each candidate, as identity and seed."""
    jobs: Jobs = {}
    for planned_job in plan.jobs:
        if planned_job.phase == "search":
            job = planned_job.request.job
            jobs.setdefault(planned_job.candidate, []).append((job.id, job.seed))
    return jobs


def candidate_scores(
    candidate: Candidate, jobs: Jobs, results: Mapping[str, JobResult]
) -> CandidateScores:
    """Return a candidate with the scores of its jobs."""
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

    A candidate moves along the line from the baseline's point through its own, over the logarithm
    of cost: candidates are too close in cost to estimate a slope from each other. Without a score
    of the baseline nothing moves, nor does a candidate that would move farther than LONGEST. The
    line may leave [0, 1], no accuracy can: a candidate moves to the end of the scale at most.
    """
    if not baseline.scores:
        return list(entries)
    return [
        replace(entry, shift=_shift(entry, baseline, multiple)) if entry.scores else entry
        for entry in entries
    ]


def _shift(entry: CandidateScores, baseline: CandidateScores, multiple: float) -> float:
    rise = (_stretch(entry, multiple) - 1) * (entry.mean - baseline.mean)
    return rise if 0 <= entry.mean + rise <= 1 else limited(entry.mean + rise) - entry.mean


def _stretch(entry: CandidateScores, multiple: float) -> float:
    """Return the length of the line to the multiple over that of the line to the candidate."""
    doublings = math.log2(entry.candidate.ratio)
    doublings_to_multiple = math.log2(multiple)
    return doublings_to_multiple / doublings if doublings > doublings_to_multiple / LONGEST else 1.0


def compare(
    entries: Sequence[CandidateScores],
    level: float,
    floor: float,
    surface: RequestedSurface = "quadratic",
) -> ScoredCandidates:
    """Compare the candidates that have a score; `floor` is the least noise."""
    ordered = sorted((e for e in entries if e.scores), key=lambda e: -e.at_budget)
    scored = tuple(ordered)
    groups = [[value + entry.shift for value in entry.values] for entry in scored]
    noise = pooled(groups)
    if noise is None:
        return ScoredCandidates(scored, level, None, None, None)
    noise = noise.at_least(floor)
    if len(scored) < 2:
        return ScoredCandidates(scored, level, noise, None, None)
    complete = all(entry.scores.keys() == scored[0].scores.keys() for entry in scored)
    differences = noise
    if complete:
        noise, differences = (of(groups).at_least(floor) for of in (total, residual))
    comparison = Comparison.of(groups, differences, level)
    fitted = _surface(scored, comparison, surface)
    seed_effect = _seed_effect(noise, differences, len(groups[0])) if complete else NO_SEED_EFFECT
    return ScoredCandidates(scored, level, noise, comparison, fitted, seed_effect)


def _surface(
    scored: Sequence[CandidateScores], comparison: Comparison, requested: RequestedSurface
) -> Surface:
    shares = [entry.candidate.shares for entry in scored]
    return FITS[requested](comparison, shares)


def _scheffe(comparison: Comparison, shares: Sequence[Shares | None]) -> Surface:
    means, counts, noise = comparison.means, comparison.counts, comparison.noise
    return Scheffe.fit(means, counts, noise, basis(shares))


def _gaussian_process(comparison: Comparison, shares: Sequence[Shares | None]) -> Surface:
    """Fit a process; Scheffé's constant where shares are unknown or candidates too few."""
    known_shares = [split for split in shares if split is not None]
    if len(known_shares) < max(len(shares), ESTIMATED + SPARE):
        return _scheffe(comparison, shares)
    means, counts, noise = comparison.means, comparison.counts, comparison.noise
    return GaussianProcess.fit(means, counts, noise, splits_of(known_shares))


FITS: dict[RequestedSurface, Callable[[Comparison, Sequence[Shares | None]], Surface]] = {
    "quadratic": _scheffe,
    "gaussian process": _gaussian_process,
}
"""How each surface of a spec is fitted."""


def _seed_effect(total: Noise, differences: Noise, seeds: int) -> Noise:
    """Return the deviation of what `seeds` seeds add to every mean."""
    variance = max(total.sd**2 - differences.sd**2, 0.0) / seeds
    return Noise(variance**0.5, max(seeds - 1, 1))


def gathered(
    spec: StudySpec, plan: Plan, results: Mapping[str, JobResult], jobs: Jobs
) -> tuple[CandidateScores, list[CandidateScores], ScoredCandidates]:
    """Return the baseline, the candidates at equal cost, and those with a score, compared."""
    search = spec.search
    baseline = candidate_scores(plan.baseline, jobs, results)
    entries = [candidate_scores(candidate, jobs, results) for candidate in plan.candidates]
    entries = at_equal_cost(entries, baseline, search.budget.multiple)
    resolution = accuracy_resolution(plan)
    return baseline, entries, compare(entries, search.level, resolution, search.surface)


def accuracy_resolution(plan: Plan) -> float:
    """Return the standard deviation of rounding to whole validation images: the least noise."""
    return float(1 / (plan.data.validation * 12**0.5))
