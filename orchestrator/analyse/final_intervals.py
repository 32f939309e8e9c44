"""Intervals of test accuracies, for new seeds and new images, and of differences between networks.

The variance of a mean is that between seeds (Student's t, on log odds), and what the choice of
images adds (statistics/image_effects.py). Networks of one phi lend each other their noise between
seeds, as on validation images (statistics/estimates.py). Differences are paired by seed and by
image. One seed shows no noise between seeds: then images alone count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from scipy import special

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.statistics.estimates import estimate
from compound.orchestrator.statistics.image_effects import (
    ImageScores,
    covariance,
    of_differences,
)
from compound.orchestrator.statistics.log_odds import Floats, accuracy, log_odds
from compound.orchestrator.statistics.mcnemar import mid_p
from compound.orchestrator.statistics.wilson import wilson
from compound.schemas.final_evaluation import Covers, SeedScore

FEW = 5.0
"""Wrong or right images below which a normal interval is too narrow: Wilson's is added."""

Seeds = tuple[SeedScore, ...]
"""The evaluations of one network, a seed each."""
Answers = Mapping[str, Predictions]
"""The predictions of test images, by job."""


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, and what may change in it."""

    low: float
    high: float
    covers: Covers


@dataclass(frozen=True)
class Difference:
    """How much better one network is than another on the same images, as fractions of 1."""

    estimate: float
    interval: Interval | None
    p: float | None
    """McNemar's mid-p; None, as for the interval: the answers to single images are not known."""
    seeds: int
    """That both have."""


@dataclass(frozen=True)
class SeedDoubt:
    """What other seeds would change in a mean, as variances on log odds."""

    own: float
    shared: float
    """What a seed brings to all networks alike: it cancels in differences."""
    df: float


def seed_doubts(networks: Sequence[Seeds]) -> list[SeedDoubt | None]:
    """Return the doubt of every mean, with what the networks lend each other.

    None for a network with one seed.
    """
    tested = [row for row, seeds in enumerate(networks) if len(seeds) > 1]
    doubts: list[SeedDoubt | None] = [None] * len(networks)
    repeated = [networks[row] for row in tested]
    estimates = estimate(*_table(repeated), few=True) if tested else None
    if estimates:
        for row, own, df in zip(tested, estimates.mean_variances, estimates.df, strict=True):
            doubts[row] = SeedDoubt(float(own), estimates.seed_variance, float(df))
    return doubts


def _table(networks: Sequence[Seeds]) -> tuple[Floats, int]:
    """Return log odds of shape (networks, seeds), NaN where one is missing, and their images."""
    images = min(score.images for seeds in networks for score in seeds)
    columns = sorted({score.seed for seeds in networks for score in seeds})
    by_seed = [{score.seed: score.accuracy for score in seeds} for seeds in networks]
    return log_odds(
        [[row.get(seed, np.nan) for seed in columns] for row in by_seed], images
    ), images


def mean_interval(
    seeds: Seeds, answers: Answers, level: float, doubt: SeedDoubt | None = None
) -> Interval:
    """Return the interval of a network's mean test accuracy; `doubt`: by default its own seeds'.

    Without answers to single images these count as if seeds changed none, which is the most that
    the choice of images can do.
    """
    accuracies, images = [score.accuracy for score in seeds], min(s.images for s in seeds)
    mean = fmean(accuracies)
    low, high = wilson(mean, images, level)
    doubt = doubt or seed_doubts([seeds])[0]
    if doubt is None:
        return Interval(low, high, "images")
    centre, slope = float(log_odds(accuracies, images).mean()), mean * (1 - mean)
    right = _right(seeds, answers)
    added = float(covariance([right])[0, 0]) if right else slope / images
    added /= max(slope, 0.5 / images) ** 2
    half = _half(doubt.own + doubt.shared, doubt.df, added, level)
    ends = accuracy([centre - half, centre + half]).tolist()
    few = min(mean, 1 - mean) * images < FEW
    low, high = (min(low, ends[0]), max(high, ends[1])) if few else ends
    return Interval(min(low, mean), max(high, mean), "seeds and images")


def _half(variance: float, df: float, images: float, level: float) -> float:
    """Return half of an interval: `variance` between seeds, and `images`, added by their choice.

    Its degrees of freedom are Satterthwaite's (1946); many images determine their part well.
    """
    times = float(special.stdtrit(df * (1 + images / variance) ** 2, (1 + level) / 2))
    return times * float((variance + images) ** 0.5)


def difference(
    first: Seeds,
    second: Seeds,
    answers: Answers,
    level: float,
    doubts: Sequence[SeedDoubt | None] | None = None,
) -> Difference:
    """Compare two networks image by image; `doubts`: both networks', by default of their seeds."""
    estimate = fmean(s.accuracy for s in first) - fmean(s.accuracy for s in second)
    pairs = _pairs(first, second)
    if not pairs or not _comparable((*first, *second), answers):
        return Difference(estimate, None, None, len(pairs))
    both = [_right(seeds, answers) for seeds in zip(*pairs, strict=True)]
    right = [scores for scores in both if scores]
    half, covers = _half_of_pairs(pairs, right, level, doubts or seed_doubts([first, second]))
    interval = Interval(max(estimate - half, -1.0), min(estimate + half, 1.0), covers)
    return Difference(estimate, interval, mid_p(right[0].right, right[1].right), len(pairs))


def _pairs(first: Seeds, second: Seeds) -> list[tuple[SeedScore, SeedScore]]:
    """Return the evaluations of the seeds that both networks have."""
    by_seed = {score.seed: score for score in second}
    return [(score, by_seed[score.seed]) for score in first if score.seed in by_seed]


def _half_of_pairs(
    pairs: Sequence[tuple[SeedScore, SeedScore]],
    right: Sequence[ImageScores],
    level: float,
    doubts: Sequence[SeedDoubt | None],
) -> tuple[float, Covers]:
    images = float(of_differences(covariance(right), 0)[1])
    own = [doubt for doubt in doubts if doubt]
    if len(own) < 2 or len(pairs) < 2:
        return float(special.ndtri((1 + level) / 2)) * images**0.5, "images"
    means = [fmean(score.accuracy for score in seeds) for seeds in zip(*pairs, strict=True)]
    least = 0.5 / min(score.images for pair in pairs for score in pair)
    slopes = [max(mean * (1 - mean), least) for mean in means]
    variance = sum(d.own * slope**2 for d, slope in zip(own, slopes, strict=True))
    return _half(variance, min(d.df for d in own), images, level), "seeds and images"


def _comparable(seeds: Seeds, answers: Answers) -> bool:
    """Whether all have answers, to the same images."""
    stored = [answers[score.job] for score in seeds if score.job in answers]
    return len(stored) == len(seeds) and all(s.are_of_images_of(stored[0]) for s in stored)


def _right(seeds: Seeds, answers: Answers) -> ImageScores | None:
    if not _comparable(seeds, answers):
        return None
    return ImageScores(np.array([answers[score.job].right for score in seeds]))
