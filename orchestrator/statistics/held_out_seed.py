"""What the best of many candidates is worth, free of the luck that made it the best.

The highest of several means also had a favourable error. So each seed is left out once: the other
seeds choose, and the seed that was left out says what the choice is worth. Its score took no part
in the choice (Stone 1974, cross-validatory choice and assessment).
"""

import numpy as np
from scipy import special

from compound.orchestrator.statistics.estimates import Estimates
from compound.orchestrator.statistics.log_odds import Floats
from compound.orchestrator.statistics.noise import Estimate


def held_out_mean(scores: Floats, shifts: Floats, pool: np.ndarray) -> float | None:
    """Return the mean score, on the seed left out, of the best by the other seeds.

    `scores` has shape (candidates, seeds), NaN where one is missing; `shifts` bring candidates to
    equal cost; the choice is among the `pool`'s positions. None with one seed.
    """
    best = _best_by_seed(scores, shifts, pool)
    return float(np.mean([scores[position, seed] for seed, position in best])) if best else None


def _best_by_seed(scores: Floats, shifts: Floats, pool: np.ndarray) -> list[tuple[int, int]]:
    """Return each seed with the position that the other seeds choose; nothing with one seed."""
    seeds = [seed for seed in range(scores.shape[1]) if np.isfinite(scores[pool, seed]).any()]
    if len(seeds) < 2:
        return []
    return [(seed, _chosen_without(seed, scores, shifts, pool)) for seed in seeds]


def _chosen_without(seed: int, scores: Floats, shifts: Floats, pool: np.ndarray) -> int:
    rest = np.delete(scores[pool], seed, axis=1)
    usable = np.isfinite(scores[pool, seed]) & np.isfinite(rest).any(axis=1)
    usable = usable if usable.any() else np.isfinite(scores[pool, seed])
    counts = np.maximum(np.isfinite(rest).sum(axis=1), 1)
    means = np.nansum(rest, axis=1) / counts + shifts[pool]
    return int(pool[int(np.where(usable, means, -np.inf).argmax())])


def held_out_on_images(right: Floats, shifts: Floats, pool: np.ndarray) -> float | None:
    """Return the mean accuracy of the best, on a seed and on images that took no part in choosing.

    `right` has the fractions of right answers by fold of the images, shape (candidates, seeds,
    folds), NaN where a seed is missing. The other arguments are those of `held_out_mean`. So the
    luck of the images is left out as well, which a seed alone does not show. None with one seed.
    """
    folds = right.shape[2]
    accuracies = []
    for fold in range(folds):
        rest = np.delete(right, fold, axis=2).mean(axis=2)
        best = _best_by_seed(_bounded_log_odds(rest), shifts, pool)
        accuracies += [float(right[position, seed, fold]) for seed, position in best]
    return float(np.mean(accuracies)) if accuracies else None


def _bounded_log_odds(accuracies: Floats) -> Floats:
    """Return log odds; the few accuracies of 0 or 1 only have to be last or first."""
    return np.asarray(special.logit(np.clip(accuracies, 1e-6, 1 - 1e-6)), dtype=np.float64)


def worth(
    estimates: Estimates, chosen: int, held_out: float | None, tied: int, level: float
) -> Estimate:
    """Return what the choice is worth, on log odds: `held_out`, as its own mean was selected.

    The lower end allows for the choice having been made among `tied` candidates (Bonferroni); the
    upper end for the doubt about the correction, half of it as a standard error.
    """
    mean = float(estimates.means[chosen])
    value = mean if held_out is None else held_out
    (variance, df), tail = estimates.doubt(chosen), (1 - level) / 2
    below = -float(special.stdtrit(df, tail / max(tied, 1)))
    above = -float(special.stdtrit(df, tail))
    low = min(mean - below * variance**0.5, value)
    return Estimate(value, low, value + above * (variance + (mean - value) ** 2 / 4) ** 0.5)
