"""Intervals of test accuracies, for new seeds and new images, and of differences between networks.

As for validation accuracies (statistics/estimates.py, statistics/image_effects.py): on log odds,
with a noise between seeds of each network that is moderated by the others, and with the covariance
that the choice of images causes. One seed shows no noise between seeds: then images alone count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from scipy import special

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.on_images import same_images
from compound.orchestrator.statistics.estimates import Estimates, estimate
from compound.orchestrator.statistics.image_effects import (
    ImageScores,
    covariance,
    of_differences,
    on_log_odds,
)
from compound.orchestrator.statistics.log_odds import Floats, accuracy, log_odds
from compound.orchestrator.statistics.mcnemar import mid_p
from compound.orchestrator.statistics.wilson import wilson
from compound.schemas.final_evaluation import Covers, SeedScore

FEW = 5.0
"""Wrong or right images below which a normal interval is too narrow: Wilson's is added."""

Seeds = tuple[SeedScore, ...]
"""The evaluations of one network, a seed each."""


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, as fractions of 1, and what may change in it."""

    low: float
    high: float
    covers: Covers


@dataclass(frozen=True)
class Difference:
    """How much better one network is than another on the same images."""

    estimate: float
    interval: Interval | None
    p: float | None
    """McNemar's mid-p; None, as for the interval: the answers to single images are not known."""
    seeds: int
    """That both have, by which `p` pairs them."""


@dataclass(frozen=True)
class FinalIntervals:
    """All evaluated networks, and what their test accuracies have in common."""

    networks: tuple[Seeds, ...]
    level: float
    estimates: Estimates | None
    """Of the networks with two seeds or more, in their order; None: there is none."""
    answers: Mapping[str, Predictions]
    """By job; empty where they are not known of all jobs, or are of different images."""

    @classmethod
    def of(
        cls, networks: Sequence[Seeds], answers: Mapping[str, Predictions], level: float
    ) -> "FinalIntervals":
        """Take each network once; `answers` are the predictions of test images by job."""
        once = tuple(dict.fromkeys(seeds for seeds in networks if seeds))
        shared = _common(once, answers)
        repeated = [seeds for seeds in once if len(seeds) > 1]
        return cls(once, level, _estimates(repeated, shared), shared)

    def interval(self, seeds: Seeds) -> Interval:
        """Return the interval of a network's mean test accuracy."""
        mean = fmean(score.accuracy for score in seeds)
        images = min(score.images for score in seeds)
        low, high = wilson(mean, images, self.level)
        if self.estimates is None or len(seeds) < 2:
            return Interval(low, high, "images")
        few = min(mean, 1 - mean) * images < FEW
        ends = self._two_way(seeds)
        low, high = (min(low, ends[0]), max(high, ends[1])) if few else ends
        return Interval(min(low, mean), max(high, mean), "seeds and images")

    def _two_way(self, seeds: Seeds) -> tuple[float, float]:
        assert self.estimates
        position = self._position(seeds)
        variance, df = self.estimates.doubt(position)
        half = float(special.stdtrit(df, (1 + self.level) / 2)) * variance**0.5
        middle = float(self.estimates.means[position])
        low, high = accuracy([middle - half, middle + half]).tolist()
        return low, high

    def _position(self, seeds: Seeds) -> int:
        return [network for network in self.networks if len(network) > 1].index(seeds)

    def difference(self, first: Seeds, second: Seeds) -> Difference:
        """Compare two networks image by image."""
        means = [fmean(score.accuracy for score in seeds) for seeds in (first, second)]
        estimate = means[0] - means[1]
        right = [_right(seeds, self.answers) for seeds in (first, second)]
        common = sorted({s.seed for s in first} & {s.seed for s in second})
        if right[0] is None or right[1] is None:
            return Difference(estimate, None, None, len(common))
        half, covers = self._half(first, second, (right[0], right[1]))
        interval = Interval(max(estimate - half, -1.0), min(estimate + half, 1.0), covers)
        rows = [[seed.seed for seed in seeds] for seeds in (first, second)]
        paired = [
            network.right[[order.index(seed) for seed in common]]
            for network, order in zip((right[0], right[1]), rows, strict=True)
        ]
        return Difference(estimate, interval, mid_p(*paired) if common else None, len(common))

    def _half(
        self, first: Seeds, second: Seeds, right: tuple[ImageScores, ImageScores]
    ) -> tuple[float, Covers]:
        """Return half of a difference's interval, and what it covers."""
        images = float(of_differences(covariance(right), 0)[1])
        if self.estimates is None or min(len(first), len(second)) < 2:
            return float(special.ndtri((1 + self.level) / 2)) * images**0.5, "images"
        positions = [self._position(first), self._position(second)]
        means = accuracy(self.estimates.means[positions])
        variances = self.estimates.mean_variances[positions] * np.square(means * (1 - means))
        total = float(variances.sum())
        df = total**2 / float((np.square(variances) / self.estimates.df[positions]).sum())
        times = float(special.stdtrit(df * (1 + images / total) ** 2, (1 + self.level) / 2))
        return times * (total + images) ** 0.5, "seeds and images"


def _common(
    networks: Sequence[Seeds], answers: Mapping[str, Predictions]
) -> dict[str, Predictions]:
    jobs = [score.job for seeds in networks for score in seeds]
    if not jobs or any(job not in answers for job in jobs):
        return {}
    first = answers[jobs[0]]
    return dict(answers) if all(same_images(first, answers[job]) for job in jobs) else {}


def _right(seeds: Seeds, answers: Mapping[str, Predictions]) -> ImageScores | None:
    if any(score.job not in answers for score in seeds):
        return None
    return ImageScores(np.array([answers[score.job].right for score in seeds]))


def _estimates(networks: Sequence[Seeds], answers: Mapping[str, Predictions]) -> Estimates | None:
    """Estimate on log odds; where answers are not known, images count as if seeds changed none."""
    if not networks:
        return None
    images = min(score.images for seeds in networks for score in seeds)
    numbers = sorted({score.seed for seeds in networks for score in seeds})
    by_seed = [{score.seed: score.accuracy for score in seeds} for seeds in networks]
    table = np.array([[row.get(seed, np.nan) for seed in numbers] for row in by_seed])
    estimates = estimate(log_odds(table, images), images)
    if estimates is None or answers:
        return estimates and estimates.with_images([_right(s, answers) for s in networks])
    means: Floats = accuracy(estimates.means)
    most = np.diag(means * (1 - means) / images)
    return replace(estimates, image_covariance=on_log_odds(most, estimates.means))
