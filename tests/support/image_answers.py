"""Right and wrong answers on single images, drawn from a known truth.

An answer is right where a normal number is below a network's threshold: the number is the sum of
how hard the image is for all, of how hard it is for this network, whatever the seed, and of what
the seed changes. So the accuracy on all possible images is known exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from compound.jobs.store.format.predictions import Predictions

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Images:
    """How answers vary; deviations of the normal numbers, where the seed's own part is 1."""

    count: int = 1000
    hard: float = 2.0
    """Of images, for all networks alike."""
    taste: float = 1.0
    """Of images, for each network on its own: what new images change and new seeds do not."""
    luck: float = 0.08
    """Of a network's seed over all images."""

    @property
    def spread(self) -> float:
        """The deviation of an answer's number over images and seeds."""
        return float(np.sqrt(self.hard**2 + self.taste**2 + self.luck**2 + 1))

    def own_error(self, accuracy: float, draws: int = 200_000) -> float:
        """Return the deviation that the images' tastes give one accuracy, beside those of all."""
        rng = np.random.default_rng(0)
        within = np.sqrt(1 + self.luck**2)
        hard, taste = (sd * rng.standard_normal(draws) for sd in (self.hard, self.taste))
        threshold = self.spread * special.ndtri(accuracy)
        fraction = special.ndtr((threshold - hard - taste) / within)
        shared = special.ndtr((threshold - hard) / np.sqrt(within**2 + self.taste**2))
        return float(np.sqrt((fraction.var() - shared.var()) / self.count))

    def seen(self, accuracy: float, image: Floats, taste: Floats, own: Floats) -> Bools:
        """Return right answers of one training, whose accuracy on all images is known.

        The other arguments are standard normal numbers by image: of the image, of the network on
        it, and of the training on it; shape (images,).
        """
        spread = np.sqrt(self.hard**2 + self.taste**2 + 1)
        right: Bools = self.hard * image + self.taste * taste + own < spread * special.ndtri(
            accuracy
        )
        return right

    def answers(self, truth: Sequence[float], seeds: int, rng: np.random.Generator) -> Bools:
        """Draw which answers are right, (networks, seeds, images)."""
        networks = len(truth)
        threshold = self.spread * special.ndtri(np.asarray(truth))[:, None, None]
        fixed = self.hard * rng.standard_normal((1, 1, self.count))
        fixed = fixed + self.taste * rng.standard_normal((networks, 1, self.count))
        lucky = self.luck * rng.standard_normal((networks, seeds, 1))
        own = rng.standard_normal((networks, seeds, self.count))
        right: Bools = fixed + lucky + own < threshold
        return right


def predictions_of(right: Bools) -> Predictions:
    """Return predictions of two classes with these right answers."""
    label = np.zeros(len(right), dtype=np.int32)
    return Predictions(np.arange(len(right), dtype=np.int32), label, (~right).astype(np.int32))
