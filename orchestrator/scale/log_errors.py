"""Least squares on the logarithms of a family's errors, and the variances around such a fit.

Deviations of accuracies are about even on log odds, where a step of the error's logarithm counts
1 / (1 - error) times; no interval that is made there leaves 0 to 1. All variances are on log odds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import special

from compound.orchestrator.statistics.noise import Noise, pooled
from compound.schemas.power_law import LawPoint

OWN = 0.1
"""Least variance of a network's own deviation, in that of a seed's: few networks may lie on a line
by chance. Without it false warnings are a quarter more frequent (benchmarks/law.py)."""
COUNTED = 0.4
"""Share of the chance of counting images that is each seed's own: images that are hard for all
shift all networks together."""
LEAST_STEP = 0.1
"""1 - error counts as at least this: an accuracy near 0 weighs no more than that."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Deviations:
    """Variances around a fit, and the degrees of freedom of a network's mean."""

    network: float
    """Of a network, without its seeds' noise where that is known."""
    seed: float
    """Of a seed around its network; 0 where no network has two."""
    df: int
    """0: nothing is known, since there are no more networks than coefficients."""


@dataclass(frozen=True)
class LogErrors:
    """Trained networks in order of cost; errors below `floor` count as it, above 1 - floor too."""

    trained: Sequence[LawPoint]
    floor: float

    @cached_property
    def ratios(self) -> Floats:
        """Costs over the baseline's."""
        return np.array([point.ratio for point in self.trained])

    @cached_property
    def errors(self) -> Floats:
        """Mean errors."""
        return np.array([mean_error(point, self.floor) for point in self.trained])

    @cached_property
    def steps(self) -> Floats:
        """Steps of the errors' logarithms for one of their log odds."""
        return np.array([step_of(error) for error in self.errors])

    def fit(self, columns: Floats) -> tuple[Floats, Floats, Deviations]:
        """Return coefficients, their covariance and the deviations around the fit.

        `columns`, shape (networks, coefficients), are what log errors are a sum of. A network
        weighs the inverse of its mean's variance, which is at least what counting images gives.
        """
        scaled = columns / self.steps[:, None]
        values = np.log(self.errors) / self.steps
        rest = values - scaled @ np.linalg.lstsq(scaled, values, rcond=None)[0]
        deviations = self._deviations(float(rest @ rest), columns.shape[1])
        counts = np.array([len(point.errors) for point in self.trained])
        least = counted(self.errors, self.floor) / counts
        root = 1 / np.sqrt(np.maximum(deviations.network + deviations.seed / counts, least))
        weighted = scaled * root[:, None]
        coefficients = np.linalg.lstsq(weighted, values * root, rcond=None)[0]
        return coefficients, np.linalg.inv(weighted.T @ weighted), deviations

    def _deviations(self, squares: float, coefficients: int) -> Deviations:
        """Split what a fit leaves into networks' own deviations and their seeds'.

        Where it leaves less than the seeds show, they explain all of it, and both are pooled. The
        least deviation is that of rounding to whole images.
        """
        df = len(self.trained) - coefficients
        share = fmean(1 / len(point.errors) for point in self.trained)
        seeds = seeds_noise(self.trained, self.floor)
        seed = seeds.sd**2 if seeds else 0.0
        own = squares / df - seed * share if df else 0.0
        if df and seeds and own < 0:
            seed = (squares / share + seeds.df * seed) / (df + seeds.df)
            df += seeds.df
        rounding = (self.floor / float(self.errors.max())) ** 2 / 3
        return Deviations(max(own, OWN * seed, rounding), seed, df)


def by_cost(trained: Sequence[LawPoint]) -> list[LawPoint]:
    """Return points in an order that does not hang on the one they came in."""
    return sorted(trained, key=lambda point: (point.ratio, point.phi, point.errors))


def costs(trained: Sequence[LawPoint]) -> int:
    """Return the number of different costs; they differ if they do in their first four digits."""
    return len({f"{point.ratio:.4g}" for point in trained})


def inside(error: float, floor: float) -> float:
    """Return the nearest error from `floor` to 1 - floor."""
    return min(max(error, floor), 1 - floor)


def mean_error(point: LawPoint, floor: float) -> float:
    """Return the mean error of a trained network, from `floor` to 1 - floor."""
    return inside(fmean(point.errors), floor)


def moved(error: float, margin: float) -> float:
    """Return the error that differs by a margin on log odds; it lies within 0 and 1."""
    return float(special.expit(special.logit(error) + margin))


def step_of(error: float) -> float:
    """Return the step of an error's logarithm for one of its log odds."""
    return max(1 - error, LEAST_STEP)


def counted(errors: Floats, floor: float) -> Floats:
    """Return the variance of a seed's log odds that counting 0.5 / floor images alone gives it."""
    return COUNTED * 2 * floor / (errors * (1 - errors))


def seeds_noise(trained: Sequence[LawPoint], floor: float) -> Noise | None:
    """Return the deviation of one seed on log odds; None where no network has two."""
    return pooled(
        [special.logit([inside(error, floor) for error in point.errors]) for point in trained]
    )
