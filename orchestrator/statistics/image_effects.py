"""What the choice of the held-out images adds to the doubt about accuracies.

Images and seeds are two crossed random effects (Owen 2007, The pigeonhole bootstrap, Annals of
Applied Statistics 1:386). An accuracy is a mean over both. Scores of several seeds show what new
seeds would change, with all that changes from seed to seed on single images. They share their
images, so they do not show what new images would change. That shows in the networks' fractions of
right answers, image by image: in their covariance over the images, without its part from few seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compound.orchestrator.statistics.log_odds import Floats, accuracy

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class ImageScores:
    """On which images each seed of a network is right."""

    right: Bools
    """Shape (seeds, images), with at least one seed, in the order of the seeds."""

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len(self.right)

    @cached_property
    def fractions(self) -> Floats:
        """How often each image is right over the seeds, shape (images,), from 0 to 1."""
        fractions: Floats = self.right.mean(axis=0)
        return fractions

    @property
    def seed_noise(self) -> float:
        """The variance of a fraction around its mean over many seeds, on average over the images.

        0 with one seed, which cannot show it: then all of it counts as an effect of the images.
        """
        if self.seeds < 2:
            return 0.0
        return float(np.mean(self.fractions * (1 - self.fractions))) / (self.seeds - 1)


def covariance(networks: Sequence[ImageScores]) -> Floats:
    """Return the covariance that the choice of images gives mean accuracies.

    Shape (networks, networks). All have scores of the same images; one image shows nothing, and
    gives 0. It is positive semi-definite: where nothing is left of a variance without the seeds'
    noise, it is 0.
    """
    fractions = np.array([network.fractions for network in networks])
    raw = np.atleast_2d(np.cov(fractions, ddof=min(1, fractions.shape[1] - 1)))
    raw = raw - np.diag([network.seed_noise for network in networks])
    values, vectors = np.linalg.eigh(raw)
    clipped = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return np.asarray(clipped / fractions.shape[1], dtype=np.float64)


def on_log_odds(covariances: Floats, means: Floats) -> Floats:
    """Return covariances of accuracies as those of log odds, around these means of log odds.

    By the delta method: the slope of log odds is 1 / (p (1 - p)).
    """
    slopes = 1 / (accuracy(means) * (1 - accuracy(means)))
    scaled: Floats = covariances * np.outer(slopes, slopes)
    return scaled


def of_differences(covariances: Floats, position: int) -> Floats:
    """Return the variances of differences between one mean and every mean, (networks,)."""
    own = np.diag(covariances)
    variances: Floats = np.maximum(own + own[position] - 2 * covariances[position], 0.0)
    return variances
