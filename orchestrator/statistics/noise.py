"""Noise of scores that is pooled over candidates.

Scores are accuracies as fractions of 1, as plain numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Noise:
    """A standard deviation of one score, and the degrees of freedom of its estimate."""

    sd: float
    df: int

    def at_least(self, floor: float) -> "Noise":
        """Raise the deviation to `floor` where it is less."""
        return replace(self, sd=max(self.sd, floor))


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; low <= value <= high."""

    value: float
    low: float
    high: float


def pooled(groups: Sequence[Sequence[float]]) -> Noise | None:
    """Return the standard deviation within groups; None where no group has two scores."""
    repeated = [np.asarray(group, dtype=np.float64) for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in repeated)
    if df == 0:
        return None
    squares = sum(float(np.square(group - group.mean()).sum()) for group in repeated)
    return Noise(float(np.sqrt(squares / df)), df)


def residual(table: Sequence[Sequence[float]]) -> Noise:
    """Return the residual noise of a complete candidates x seeds table.

    The model is additive in both. The table needs two rows and two columns.
    """
    scores = np.asarray(table, dtype=np.float64)
    rows, columns = scores.shape
    remainder = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    df = (rows - 1) * (columns - 1)
    return Noise(float(np.sqrt(np.square(remainder).sum() / df)), df)
