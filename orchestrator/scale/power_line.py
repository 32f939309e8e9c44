"""A straight line through the logarithms of errors and costs, how well it is known, and its bend.

Errors of networks of the same kind fall about as a power of their cost (Hestness et al. 2017;
Rosenfeld et al. 2020), which is a straight line on logarithms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, log, sqrt

import numpy as np
from scipy import stats

from compound.orchestrator.scale.leveling import Leveling, leveling
from compound.orchestrator.scale.log_errors import (
    Deviations,
    Floats,
    LogErrors,
    by_cost,
    costs,
    inside,
    step_of,
)
from compound.schemas.power_law import LawPoint

FEWEST = 2
"""Networks of different cost that a line needs; an interval needs another, and a bend two."""
STEP = 1.2
"""How much further than the step between two networks the next may be; steps are not quite even."""


@dataclass(frozen=True)
class Line:
    """log error = intercept + slope x log ratio."""

    intercept: float
    slope: float
    covariance: Floats
    """Of intercept and slope, shape (2, 2)."""
    deviations: Deviations
    leveling: Leveling
    first: float
    last: float
    """The least and the largest trained ratio of costs."""
    floor: float
    levels_off: bool = False
    """Whether the errors are shown to bend off the line."""

    @property
    def bounded(self) -> bool:
        """Whether there are intervals."""
        return self.deviations.df > 0

    def bent(self, deviations: Deviations) -> "Line":
        """Return the line of errors that level off, with the deviations from their own curve."""
        share = deviations.network + deviations.seed
        share /= self.deviations.network + self.deviations.seed
        return replace(
            self,
            covariance=self.covariance * min(share, 1.0),
            deviations=deviations,
            leveling=self.leveling.with_floor(),
            levels_off=True,
        )

    def reaches(self, ratio: float) -> bool:
        """Whether it predicts at this cost: errors fall, and two networks look a step ahead."""
        return self.slope < 0 and (self.bounded or ratio <= STEP * self.last**2 / self.first)

    def at(self, ratio: float) -> float:
        """Return the error of the pure law at a cost."""
        return inside(exp(min(self.intercept + self.slope * log(ratio), 0.0)), self.floor)

    def expected(self, ratio: float) -> float:
        """Return the error that is expected at a cost, since the law may level off."""
        return inside(self.leveling.at(ratio), self.floor)

    def reached(self, ratio: float) -> float:
        """Return the error at a cost, or at the largest trained one if that is less.

        Errors that level off lie above the line there.
        """
        near = min(ratio, self.last)
        return max(self.at(near), self.expected(near)) if self.levels_off else self.at(near)

    def times(self, probability: float) -> float:
        """Return the quantile of Student's t that multiplies deviations of this line."""
        return float(stats.t.ppf(probability, self.deviations.df))

    def margin(self, ratio: float, seeds: int, probability: float) -> float:
        """Return the one-sided margin of a new network's mean of seeds, on log odds."""
        row = np.array([1.0, log(ratio)]) / step_of(self.at(ratio))
        new = self.deviations.network + self.deviations.seed / seeds
        return self.times(probability) * sqrt(float(row @ self.covariance @ row) + new)


def line_through(
    trained: Sequence[LawPoint], floor: float, level: float | None = None
) -> Line | None:
    """Fit networks with errors by weighted least squares; None where they do not differ in cost.

    With a level, it is tested whether they level off; this is wrong in half of the false warnings.
    Their deviations then are those from a quadratic: a floor is no noise.
    """
    if costs(trained) < FEWEST:
        return None
    sample = LogErrors(by_cost(trained), floor)
    logs = np.log(sample.ratios)
    (intercept, slope), covariance, deviations = sample.fit(
        np.column_stack([np.ones_like(logs), logs])
    )
    curves = leveling(sample.ratios.tolist(), sample.errors, 1 / np.square(sample.steps))
    first, last = float(sample.ratios[0]), float(sample.ratios[-1])
    line = Line(float(intercept), float(slope), covariance, deviations, curves, first, last, floor)
    bend = bend_of(sample) if level else None
    if bend is None or level is None or bend.chance > false_warnings(level) / 2:
        return line
    return line.bent(bend.deviations)


def false_warnings(level: float) -> float:
    """Return the part of studies that are warned of although their errors follow a pure law."""
    return (1 - level) / 2


@dataclass(frozen=True)
class Bend:
    """How errors level off: the square in a quadratic through log error and log cost."""

    chance: float
    """How probable so much of it, or more, is where errors follow a pure law: one-sided p-value."""
    deviations: Deviations
    """From the quadratic."""


def bend_of(sample: LogErrors) -> Bend | None:
    """Return the bend of errors; None with fewer than four networks or three different costs."""
    if len(sample.trained) < FEWEST + 2 or costs(sample.trained) < FEWEST + 1:
        return None
    logs = np.log(sample.ratios) - np.log(sample.ratios).mean()
    columns = np.column_stack([np.ones_like(logs), logs, np.square(logs)])
    coefficients, covariance, deviations = sample.fit(columns)
    chance = stats.t.sf(coefficients[2] / sqrt(covariance[2, 2]), deviations.df)
    return Bend(float(chance), deviations)
