"""The candidates of a search with their scores, moved to equal cost and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

import numpy as np

from compound.orchestrator.statistics.collapsed_runs import collapsed
from compound.orchestrator.statistics.estimates import Estimates, estimate
from compound.orchestrator.statistics.image_effects import ImageScores
from compound.orchestrator.statistics.log_odds import Floats, accuracy, log_odds
from compound.orchestrator.statistics.noise import Noise, pooled, residual
from compound.orchestrator.statistics.surface import Surface
from compound.orchestrator.statistics.tied_set import Comparison
from compound.schemas.architecture import AXES, Axis, Candidate
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY, SPEED
from compound.schemas.plan import Plan

MOST = 1_000_000
"""Validation images that keep an accuracy of exactly 0 or 1 from infinite log odds."""

Jobs = dict[str, list[tuple[str, int]]]


@dataclass(frozen=True)
class CandidateScores:
    """A candidate with its scores by seed, and how many of its jobs failed or were pruned."""

    id: str
    candidate: Candidate
    scores: dict[int, float]
    """Accuracies by seed, without those of collapsed runs."""
    failed: int
    shift: float = 0.0
    """Correction of its scores to the budget's exact cost, on log odds."""
    speed: float | None = None
    """Images per second in training, the median of its jobs; None where no job reported it."""
    pruned: int = 0
    collapsed: Mapping[int, float] = field(default_factory=dict)
    """Accuracies of the runs that ended near chance while others learned, by seed."""
    jobs: Mapping[int, str] = field(default_factory=dict)
    """The jobs that have a score, by seed."""
    on_images: ImageScores | None = field(default=None, compare=False)
    """The same scores image by image; None: they are not known."""

    @property
    def values(self) -> tuple[float, ...]:
        """The scores in the order of the seeds."""
        return tuple(self.scores[seed] for seed in sorted(self.scores))

    @property
    def mean(self) -> float:
        """The mean score; there must be one."""
        return sum(self.values) / len(self.scores)

    def moved(self, score: float) -> float:
        """Return what a score would be at the budget's exact cost."""
        return score if self.shift == 0 else float(accuracy(log_odds(score, MOST) + self.shift))

    @property
    def at_budget(self) -> float:
        """The mean score at the budget's exact cost."""
        return self.moved(self.mean)

    @property
    def values_at_budget(self) -> list[float]:
        """The scores at the budget's exact cost, in the order of the seeds."""
        return [self.moved(value) for value in self.values]

    @property
    def axis(self) -> Axis | None:
        """The one axis that the candidate scales; None for a mix."""
        return next((axis for axis in AXES if axis in self.candidate.roles), None)


@dataclass(frozen=True)
class ScoredCandidates:
    """The candidates with a score, best mean at the budget's cost first."""

    candidates: tuple[CandidateScores, ...]
    level: float
    images: int
    """Validation images of a score."""
    estimates: Estimates | None = None
    """Over `candidates`, in that order, at their own cost; None without repeated scores."""
    comparison: Comparison | None = None
    """At the budget's cost; None where fewer than two can be compared."""
    uncorrected: Comparison | None = None
    """The same at the candidates' own costs."""

    @property
    def controls(self) -> list[int]:
        """Positions of the single-axis controls."""
        return [i for i, entry in enumerate(self.candidates) if entry.axis]

    @property
    def mixes(self) -> list[int]:
        """Positions of the candidates that scale more than one axis."""
        return [i for i, entry in enumerate(self.candidates) if not entry.axis]

    @property
    def noise(self) -> Noise | None:
        """The noise of one score between seeds, pooled over all candidates, as an accuracy."""
        groups = [entry.values for entry in self.candidates]
        complete = len({tuple(entry.scores) for entry in self.candidates}) == 1
        if complete and len(groups) > 1 and len(groups[0]) > 1:
            return residual(groups)
        return pooled(groups)

    @property
    def placed(self) -> list[int]:
        """Positions of the candidates whose shares are known."""
        return [i for i, entry in enumerate(self.candidates) if entry.candidate.shares]

    @cached_property
    def surface(self) -> Surface | None:
        """The surface through the placed candidates at the budget's cost; see `Surface.fit`."""
        if self.comparison is None or not self.placed:
            return None
        shares = splits_of([self.candidates[i].candidate for i in self.placed])
        means, variances = self.comparison.means, self.comparison.mean_variances
        df = float(self.comparison.df[self.placed].sum())
        return Surface.fit(shares, means[self.placed], variances[self.placed], df)

    @cached_property
    def tied(self) -> list[int]:
        """Positions of the candidates that may be the best; empty where the noise is unknown."""
        if self.comparison:
            return list(self.comparison.tied)
        return [0] if self.estimates and self.candidates else []

    @property
    def contenders_noise(self) -> float | None:
        """The noise of one score between seeds, as an accuracy: the median of the tied ones'."""
        if self.estimates is None or not self.tied:
            return None
        means = accuracy(self.estimates.means[self.tied])
        slopes = means * (1 - means)
        return float(np.median(np.sqrt(self.estimates.variances[self.tied]) * slopes))

    @cached_property
    def proven(self) -> list[int]:
        """Positions of the mixes that are proven better than every control.

        A proof holds with and without the correction for uneven cost.
        """
        comparisons = [self.comparison, self.uncorrected]
        if not self.controls or not self.mixes:
            return []
        sets = [set(c.proven(self.mixes, self.controls)) for c in comparisons if c is not None]
        return [i for i in self.mixes if sets and all(i in proven for proven in sets)]


def splits_of(networks: Sequence[Candidate]) -> Floats:
    """Return the shares of networks that have them, shape (networks, 3)."""
    splits = [network.shares.split for network in networks if network.shares]
    return np.array(splits, dtype=np.float64).reshape(-1, 3)


def planned(plan: Plan) -> Jobs:
    """Return the search jobs of each candidate, as identity and seed."""
    jobs: Jobs = {}
    for planned_job in plan.jobs:
        if planned_job.phase == "search":
            job = planned_job.request.job
            jobs.setdefault(planned_job.candidate, []).append((job.id, job.seed))
    return jobs


def candidate_scores(
    candidate: Candidate, jobs: Jobs, results: Mapping[str, JobResult], classes: int
) -> CandidateScores:
    """Return a candidate with the scores of its jobs; `classes` say what chance is."""
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
    left_out = {seed: scores.pop(seed) for seed in collapsed(scores, classes)}
    return CandidateScores(
        identity,
        candidate,
        scores,
        failed,
        speed=median(speeds) if speeds else None,
        pruned=pruned,
        collapsed=left_out,
        jobs={seed: job for job, seed in jobs.get(identity, []) if seed in scores},
    )


def compare(entries: Sequence[CandidateScores], level: float, images: int) -> ScoredCandidates:
    """Compare the candidates that have a score, an accuracy of so many validation images each."""
    scored = tuple(sorted((e for e in entries if e.scores), key=lambda e: -e.at_budget))
    estimates = estimate(score_table(scored, images), images)
    if estimates is not None:
        estimates = estimates.with_images([entry.on_images for entry in scored])
    if estimates is None or len(scored) < 2:
        return ScoredCandidates(scored, level, images, estimates)
    shifts = np.array([entry.shift for entry in scored])
    return ScoredCandidates(
        scored,
        level,
        images,
        estimates,
        _comparison(estimates, shifts, level),
        _comparison(estimates, np.zeros_like(shifts), level),
    )


def score_table(scored: Sequence[CandidateScores], images: int) -> Floats:
    """Return log odds of shape (candidates, seeds), NaN where a candidate lacks a seed."""
    seeds = sorted({seed for entry in scored for seed in entry.scores})
    table = [[entry.scores.get(seed, np.nan) for seed in seeds] for entry in scored]
    return log_odds(np.array(table, dtype=np.float64).reshape(len(scored), len(seeds)), images)


def _comparison(estimates: Estimates, shifts: Floats, level: float) -> Comparison:
    """Compare at the budget's cost; half of a correction counts as its standard error."""
    variances = estimates.mean_variances + np.square(shifts / 2)
    shared = estimates.image_covariance
    return Comparison(estimates.means + shifts, variances, estimates.df, level, shared)


def resolution(images: int) -> float:
    """Return the standard deviation of rounding to whole validation images: the least noise."""
    return float(1 / (images * 12**0.5))
