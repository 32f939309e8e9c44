"""What a surface over the simplex of shares answers, whichever model is behind it.

A candidate's true mean is a smooth surface at its shares plus its own lack of fit. Both surfaces of
a study, Scheffé's polynomial (scheffe.py) and the Gaussian process (gaussian_process.py), estimate
the variance of the lack of fit, so a surface that does not fit has almost no influence. Means are
accuracies as fractions of 1; variances are in units of the noise's variance.
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
    """The posterior of networks that were not measured, one entry each."""

    expected: Floats
    sampling: Floats
    """Variance of the true mean due to the noise in the scores."""
    lack_of_fit: Floats
    """Variance of the true mean due to lack of fit, its own included."""

    @property
    def variance(self) -> Floats:
        """Variance of the true means."""
        return self.sampling + self.lack_of_fit


class Surface(Protocol):
    """A fitted surface with its lack of fit."""

    @property
    def kind(self) -> Kind:
        """The model of the surface."""

    @property
    def means(self) -> Floats:
        """The measured means, shape (candidates,)."""

    @property
    def mean_variances(self) -> Floats:
        """The variances of the measured means around the true ones."""

    @property
    def residual_df(self) -> int:
        """Degrees of freedom of the estimated lack of fit."""

    @property
    def expected(self) -> Floats:
        """The expected true means: each measured mean, shrunk towards the surface."""

    def smooth(self, means: Floats) -> Floats:
        """Shrink means, shape (..., candidates), towards the surface that fits them."""

    def covers(self, splits: Floats) -> Bools:
        """Return for which shares, shape (points, 3), the surface can predict."""

    def predicted(self, splits: Floats) -> Floats:
        """Return the surface at shares, without lack of fit."""

    def posterior(self, splits: Floats) -> Posterior:
        """Return the posterior of networks at these shares."""

    def draw_surfaces(self, rng: np.random.Generator, sds: Floats, splits: Floats) -> Floats:
        """Draw surfaces from their posterior, shape (len(sds), points).

        `sds` are the noise's deviations, one per surface.
        """

    def errors(self) -> Floats:
        """Return the leave-one-out errors: measured mean less the prediction from the rest."""

    def conditioned_on(self, split: Floats, mean: float) -> "Surface":
        """Return the surface as if a network at these shares had this measured mean.

        The mean has the weight of the median candidate; the lack of fit is not estimated again.
        """


def splits_of(shares: Sequence[Shares]) -> Floats:
    """Return shares as an array of shape (points, 3): depth, width, resolution."""
    return np.array([shares_.split for shares_ in shares], dtype=np.float64).reshape(-1, 3)
