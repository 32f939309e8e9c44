"""The power law through a family's errors: error = scale * ratio ^ -exponent.

Errors of networks of one kind fall about as a power of their cost (Hestness et al. 2017; Rosenfeld
et al. 2020), which is a straight line on logarithms. It predicts
what the next larger network should reach before it is trained; and each trained network is compared
with the prediction from the smaller ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compound.orchestrator.scale.power_law_text import tell
from compound.orchestrator.statistics.noise import pooled
from compound.schemas.power_law import Law, LawPoint

FEWEST = 2
"""Networks of different cost that a line needs."""
FLOOR = 1e-9
"""The least error, where the number of validation images is unknown."""

Floats = NDArray[np.float64]


def fit(
    points: Sequence[LawPoint],
    predict: Sequence[tuple[float, float]],
    level: float,
    floor: float = FLOOR,
) -> Law | None:
    """Fit the law to trained networks and predict further ones, given as phi and cost ratio.

    None with fewer than two trained networks of different cost. Points without errors are
    predicted like those of `predict`. An error below `floor` counts as `floor`, since 0 has no
    logarithm: half a validation image is a fair floor.

    Least squares on the logarithms, a network weighted by its seeds. The residual, a network's
    own deviation and the noise of its seeds, is one variance, with networks - 2 degrees of
    freedom. Where that is less than the seeds alone show, the line misses nothing that they do
    not explain, and both are pooled. With two networks only the seeds' is left, and with one seed
    each nothing: then there are no intervals. Intervals of single points are prediction
    intervals for the mean of their seeds, one for a network that is not trained.

    What a trained network was expected to reach comes from all that cost less than it.
    """
    trained = [point for point in points if point.errors]
    line = _Line.through(trained, floor)
    if line is None:
        return None
    untrained = [*((point.phi, point.ratio) for point in points if not point.errors), *predict]
    measured = {point.phi for point in trained}
    predicted = [
        _expected(LawPoint(phi=phi, ratio=ratio), line, level)
        for phi, ratio in dict(untrained).items()
        if phi not in measured
    ]
    every = [*(_checked(point, trained, level, floor) for point in trained), *predicted]
    every.sort(key=lambda point: (not point.errors, point.ratio, point.phi))
    spread = line.exponent_margin(level)
    law = Law(
        scale=exp(line.intercept),
        exponent=-line.slope,
        low=None if spread is None else -line.slope - spread,
        high=None if spread is None else -line.slope + spread,
        level=level,
        points=tuple(every),
        sentence="",
    )
    return law.model_copy(update={"sentence": tell(law)})


def band(
    trained: Sequence[LawPoint], ratios: Sequence[float], level: float, floor: float = FLOOR
) -> list[LawPoint]:
    """Return the law of trained networks at many costs, with prediction intervals for one seed.

    Empty where they make no law. The points' phi means nothing.
    """
    line = _Line.through(trained, floor)
    return (
        [_expected(LawPoint(phi=0, ratio=ratio), line, level) for ratio in ratios] if line else []
    )


def _checked(point: LawPoint, trained: Sequence[LawPoint], level: float, floor: float) -> LawPoint:
    smaller = _Line.through([earlier for earlier in trained if earlier.ratio < point.ratio], floor)
    return _expected(point, smaller, level) if smaller else point


def _expected(point: LawPoint, line: "_Line", level: float) -> LawPoint:
    middle = line.at(point.ratio)
    margin = line.margin(point.ratio, max(len(point.errors), 1), level)
    ends = {} if margin is None else {"low": exp(middle - margin), "high": exp(middle + margin)}
    update = {"expected": exp(middle), **ends}
    return point.model_copy(update={key: min(value, 1.0) for key, value in update.items()})


@dataclass(frozen=True)
class _Line:
    """A weighted straight line through logarithms, and how well it is known."""

    intercept: float
    slope: float
    noise: float
    """Standard deviation of one seed around the line."""
    df: int
    inverse: Floats
    """Covariance of intercept and slope, in units of the noise's variance; shape (2, 2)."""

    @classmethod
    def through(cls, trained: Sequence[LawPoint], floor: float) -> "_Line | None":
        """Fit networks with errors; None where they do not differ in cost."""
        if len({point.ratio for point in trained}) < FEWEST:
            return None
        ordered = sorted(trained, key=lambda point: (point.ratio, point.phi))
        seeds = np.array([len(point.errors) for point in ordered], dtype=np.float64)
        columns = np.array([[1.0, log(point.ratio)] for point in ordered])
        values = np.array([log(max(fmean(point.errors), floor)) for point in ordered])
        weighted = columns * np.sqrt(seeds)[:, None]
        coefficients = np.linalg.lstsq(weighted, values * np.sqrt(seeds), rcond=None)[0]
        squares = float(seeds @ np.square(values - columns @ coefficients))
        noise, df = _noise(ordered, squares, floor)
        inverse = np.linalg.inv(weighted.T @ weighted)
        return cls(float(coefficients[0]), float(coefficients[1]), noise, df, inverse)

    def at(self, ratio: float) -> float:
        """Return the logarithm of the error at a cost."""
        return self.intercept + self.slope * log(ratio)

    def exponent_margin(self, level: float) -> float | None:
        """Return half of the exponent's interval; None where no noise is known."""
        return self._times(float(self.inverse[1, 1]) ** 0.5, level)

    def margin(self, ratio: float, seeds: int, level: float) -> float | None:
        """Return half of the prediction interval of a mean of seeds, on logarithms."""
        row = np.array([1.0, log(ratio)])
        return self._times(float(row @ self.inverse @ row + 1 / seeds) ** 0.5, level)

    def _times(self, spread: float, level: float) -> float | None:
        if self.df == 0:
            return None
        return float(stats.t.ppf((1 + level) / 2, self.df)) * self.noise * spread


def _noise(trained: Sequence[LawPoint], squares: float, floor: float) -> tuple[float, int]:
    """Return the deviation of one seed's logarithm around the line, and its degrees of freedom."""
    seeds = pooled([[log(max(error, floor)) for error in point.errors] for point in trained])
    df = len(trained) - 2
    sd = (squares / df) ** 0.5 if df else 0.0
    if seeds is None or (df and sd >= seeds.sd):
        return sd, df
    both = df + seeds.df
    return float(((squares + seeds.df * seeds.sd**2) / both) ** 0.5), both
