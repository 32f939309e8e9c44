"""What a surface over the simplex of shares answers, whichever mathematics is behind it.

A candidate's true mean is a smooth surface at its shares plus a stray of its own. Both surfaces of
a study, Scheffé's polynomial (scheffe.py) and the Gaussian process (gaussian_process.py),
estimate how far candidates stray, so one that does not fit is hardly used. Means are accuracies
as fractions of 1; variances are in units of the noise's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from compound.schemas.architecture import Shares

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Kind = Literal["quadratic", "linear", "constant", "gaussian process"]


@dataclass(frozen=True)
class Posterior:
    """What a surface expects of networks that were not measured, one entry each."""

    expected: Floats
    sampling: Floats
    """Variance of the true mean that comes of the noise in the scores."""
    straying: Floats
    """Variance of the true mean that comes of candidates straying, its own stray with it."""

    @property
    def variance(self) -> Floats:
        """Variance of the true means."""
        return self.sampling + self.straying


class Surface(Protocol):
    """A fitted surface with the strays around it."""

    @property
    def kind(self) -> Kind:
        """What the surface is."""

    @property
    def means(self) -> Floats:
        """The measured means, shape (candidates,)."""

    @property
    def own(self) -> Floats:
        """The variances of the means around the truths."""

    @property
    def spare(self) -> int:
        """Degrees of freedom that the strays are estimated with."""

    @property
    def expected(self) -> Floats:
        """What each true mean is expected to be: its own mean, drawn towards the surface."""

    def smooth(self, means: Floats) -> Floats:
        """Draw means, shape (..., candidates), towards the surface that fits them."""

    def truths(self, rng: np.random.Generator, draws: int, sd: float) -> Floats:
        """Draw sets of true means that the scores leave possible, shape (draws, candidates)."""

    def reaches(self, splits: Floats) -> Bools:
        """Say of which shares, shape (places, 3), the surface knows anything."""

    def heights(self, splits: Floats) -> Floats:
        """Return the surface at shares, without any stray."""

    def belief(self, splits: Floats) -> Posterior:
        """Say what is expected of networks at these shares."""

    def draws(self, rng: np.random.Generator, sds: Floats, splits: Floats) -> Floats:
        """Draw surfaces that the scores leave possible, shape (len(sds), places).

        `sds` are the noise's deviations to draw with, one a surface.
        """

    def errors(self) -> Floats:
        """Return the leave-one-out errors: measured mean less what the others predict."""

    def believing(self, split: Floats, mean: float) -> "Surface":
        """Return the surface as if a network at these shares had been measured to be so good.

        It counts as much as the median candidate; the strays are not estimated anew.
        """


def splits_of(shares: Sequence[Shares]) -> Floats:
    """Return shares as an array of shape (places, 3): depth, width, resolution."""
    return np.array([one.split for one in shares], dtype=np.float64).reshape(-1, 3)
