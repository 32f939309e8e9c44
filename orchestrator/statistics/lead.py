"""The lead of one network over another, each with a noise of its own, as accuracies."""

import math
from dataclasses import dataclass

from scipy import special

from compound.orchestrator.statistics.log_odds import accuracy


@dataclass(frozen=True)
class Spread:
    """A mean on log odds, its variance, and the degrees of freedom of that."""

    mean: float
    variance: float
    df: float


def lead_ends(ahead: Spread, rival: Spread, down: float, up: float) -> tuple[float, float]:
    """Return the ends of a lead, missed with probability `down` below and `up` above.

    Student's t with the smaller degrees of freedom of both: moderated variances borrow the same
    ones from all networks, so they do not add up as Welch's do.
    """
    df, spread = min(ahead.df, rival.df), math.sqrt(ahead.variance + rival.variance)
    below, above = (spread * float(special.stdtrit(df, 1 - chance)) for chance in (down, up))
    return difference(ahead, rival, -below), difference(ahead, rival, above)


def difference(ahead: Spread, rival: Spread, margin: float) -> float:
    """Return the difference of accuracies where the lead on log odds is larger by a margin.

    Each mean moves by its part of the difference's variance: the more uncertain one moves more.
    """
    part = ahead.variance / (ahead.variance + rival.variance)
    moved = accuracy(ahead.mean + part * margin)
    return float(moved - accuracy(rival.mean - (1 - part) * margin))


def mean_ends(spread: Spread, shared: float, mean: float, level: float) -> tuple[float, float]:
    """Return the ends of a mean's interval; they contain `mean`, the plain mean of accuracies.

    `shared`: the variance that the seeds add to all means alike.
    """
    times = float(special.stdtrit(spread.df, (1 + level) / 2))
    half = times * math.sqrt(spread.variance + shared)
    low, high = accuracy([spread.mean - half, spread.mean + half]).tolist()
    return min(low, mean), max(high, mean)
