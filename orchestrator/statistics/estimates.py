"""Means of candidates over their seeds on log odds, each with a noise of its own.

The model of a score is additive: candidate + seed + noise, with the noise's variance by candidate.
What a seed adds to all candidates cancels in differences (seeds are blocks), and widens the
interval of a single mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from compound.orchestrator.statistics.image_effects import (
    ImageScores,
    covariance,
    on_log_odds,
)
from compound.orchestrator.statistics.log_odds import Floats, rounding_variance
from compound.orchestrator.statistics.moderated_variance import moderated

ROUNDS = 4
"""Alternations between the means, the seeds' effects and the weights; later ones change nothing
that is shown."""
LEAST_LEFT = 0.3
"""Least part of a candidate's squares that the estimated seed effects are taken to leave."""


@dataclass(frozen=True)
class Estimates:
    """What the scores of candidates show; arrays have shape (candidates,), on log odds."""

    means: Floats
    """Without the seeds' effects."""
    variances: Floats
    """Of one score, without the seeds' effects."""
    df: Floats
    counts: Floats
    """Scores by candidate."""
    seed_variance: float
    """What the seeds' effects add to the variance of every mean."""
    image_covariance: Floats | None = None
    """What the choice of images adds to the covariance of the means, (candidates, candidates);
    None: it is not known, and left out."""

    @property
    def mean_variances(self) -> Floats:
        """The variances of the means around the true ones, for differences."""
        variances: Floats = self.variances / self.counts
        return variances

    def with_images(self, on_images: Sequence[ImageScores | None]) -> "Estimates":
        """Add what the choice of images does to the means, if it is known of all candidates."""
        scores = [network for network in on_images if network is not None]
        if len(scores) < len(on_images):
            return self
        shared = on_log_odds(covariance(scores), self.means)
        return replace(self, image_covariance=shared)

    def doubt(self, position: int, more: float = 0.0) -> tuple[float, float]:
        """Return the variance of one mean and its degrees of freedom, for new seeds and images.

        `more` is added to the variance. Many images determine their part well, so the degrees of
        freedom are those of the seeds' part, weighed by its share (Satterthwaite 1946).
        """
        seeds = float(self.mean_variances[position]) + self.seed_variance + more
        shared = self.image_covariance
        images = 0.0 if shared is None else float(shared[position, position])
        return seeds + images, float(self.df[position]) * (1 + images / seeds) ** 2


def estimate(scores: Floats, images: int, *, few: bool = False) -> Estimates | None:
    """Estimate from log odds of shape (candidates, seeds), NaN where a score is missing.

    Every candidate has at least one score. None where no candidate has two. A candidate with one
    score takes its variance from the trend of the others. `few`: see `moderated`.
    """
    counts = np.isfinite(scores).sum(axis=1).astype(np.float64)
    repeated = counts > 1
    if not repeated.any():
        return None
    weights, effects = repeated.astype(np.float64), np.zeros(scores.shape[1])
    blocked = int(repeated.sum()) > 1
    for _ in range(ROUNDS):
        if blocked:
            effects = _seed_effects(scores, effects, weights)
        means = np.nanmean(scores - effects, axis=1)
        blocks = weights if blocked else None
        variances, df = _variances(scores - effects, means, blocks, images, few)
        weights = np.where(repeated, 1 / variances, 0.0)
    shared = _seed_variance(effects, weights) if blocked else 0.0
    return Estimates(means, variances, df, counts, shared)


def _seed_effects(scores: Floats, effects: Floats, weights: Floats) -> Floats:
    """Return what each seed adds, from the candidates' deviations, precise ones first."""
    deviations = scores - np.nanmean(scores - effects, axis=1)[:, None]
    counted = np.where(np.isfinite(scores), weights[:, None], 0.0)
    total = counted.sum(axis=0)
    summed = np.nansum(np.where(counted > 0, deviations, 0.0) * counted, axis=0)
    effects = np.divide(summed, total, out=np.zeros_like(total), where=total > 0)
    centred: Floats = effects - effects[total > 0].mean()
    return np.where(total > 0, centred, 0.0)


def _variances(
    scores: Floats, means: Floats, weights: Floats | None, images: int, few: bool
) -> tuple[Floats, Floats]:
    """Return moderated variances and degrees of freedom; `weights` where seeds are blocks."""
    counts = np.isfinite(scores).sum(axis=1)
    repeated = counts > 1
    df = (counts[repeated] - 1).astype(np.float64)
    squares = np.nansum(np.square(scores - means[:, None]), axis=1)[repeated]
    left = np.ones_like(df)
    if weights is not None:
        left = np.maximum(1 - weights[repeated] / weights[repeated].sum(), LEAST_LEFT)
    floor = rounding_variance(means[repeated], images)
    variances = np.maximum(squares / (df * left), floor)
    result = moderated(variances, df * left, means[repeated], few=few)
    every, freedom = np.empty(len(means)), np.empty(len(means))
    every[repeated], freedom[repeated] = result.variances, result.df
    every[~repeated], freedom[~repeated] = _borrowed(means, repeated, result.variances, result.df)
    return every, freedom


def _borrowed(
    means: Floats, repeated: np.ndarray, variances: Floats, df: Floats
) -> tuple[Floats, float]:
    """Return the variances of candidates with one score, from those that are nearest in mean."""
    order = np.argsort(means[repeated])
    measured, logs = means[repeated][order], np.log(variances[order])
    return np.exp(np.interp(means[~repeated], measured, logs)), float(np.median(df))


def _seed_variance(effects: Floats, weights: Floats) -> float:
    """Return the variance that the seeds' effects add to a mean over all seeds."""
    seeds = len(effects)
    own = 1 / weights.sum()
    return max(float(effects.var(ddof=1)) - float(own), 0.0) / seeds if seeds > 1 else 0.0
