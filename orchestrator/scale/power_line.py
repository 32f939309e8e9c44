"""A straight line through the logarithms of errors and costs, how well it is known, and its bend.

Errors of networks of the same kind fall about as a power of their cost (Hestness et al. 2017;
Rosenfeld et al. 2020), which is a straight line on logarithms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def bounded(self) -> bool:
        """Whether there are intervals."""
        return self.deviations.df > 0

    def reaches(self, ratio: float) -> bool:
        """Whether it predicts at this cost: errors fall, and two networks look no step further."""
        return self.slope < 0 and (self.bounded or ratio <= self.last**2 / self.first)

    def at(self, ratio: float) -> float:
        """Return the error of the pure law at a cost."""
        return inside(exp(min(self.intercept + self.slope * log(ratio), 0.0)), self.floor)

    def expected(self, ratio: float) -> float:
        """Return the error that is expected at a cost, since the law may level off."""
        return inside(self.leveling.at(ratio), self.floor)

    def times(self, probability: float) -> float:
        """Return the quantile of Student's t that multiplies deviations of this line."""
        return float(stats.t.ppf(probability, self.deviations.df))

    def margin(self, ratio: float, seeds: int, probability: float) -> float:
        """Return the one-sided margin of a new network's mean of seeds, on log odds."""
        row = np.array([1.0, log(ratio)]) / step_of(self.at(ratio))
        new = self.deviations.network + self.deviations.seed / seeds
        return self.times(probability) * sqrt(float(row @ self.covariance @ row) + new)


def line_through(trained: Sequence[LawPoint], floor: float) -> Line | None:
    """Fit networks with errors by weighted least squares; None where they do not differ in cost."""
    if costs(trained) < FEWEST:
        return None
    sample = LogErrors(by_cost(trained), floor)
    logs = np.log(sample.ratios)
    (intercept, slope), covariance, found = sample.fit(np.column_stack([np.ones_like(logs), logs]))
    curves = leveling(sample.ratios.tolist(), sample.errors, 1 / np.square(sample.steps))
    first, last = float(sample.ratios[0]), float(sample.ratios[-1])
    return Line(float(intercept), float(slope), covariance, found, curves, first, last, floor)


def bend_by_chance(trained: Sequence[LawPoint], floor: float) -> float | None:
    """Return how probable so much levelling off, or more, is where errors follow a pure law.

    That is the one-sided p-value of the square in a quadratic through log error and log cost. None
    with fewer than four networks or three different costs.
    """
    if len(trained) < FEWEST + 2 or costs(trained) < FEWEST + 1:
        return None
    sample = LogErrors(by_cost(trained), floor)
    logs = np.log(sample.ratios) - np.log(sample.ratios).mean()
    columns = np.column_stack([np.ones_like(logs), logs, np.square(logs)])
    coefficients, covariance, found = sample.fit(columns)
    return float(stats.t.sf(coefficients[2] / sqrt(covariance[2, 2]), found.df))
