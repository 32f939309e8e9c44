"""How probably the best of a design is among the candidates that were promoted.

The model has two levels. A mix's true accuracy after the short schedule is normal around that of
all mixes. Its true accuracy after the whole schedule follows the short one along a straight line,
from which every network strays on its own. Spread, slope and stray are drawn by how well they fit
the scores, under weak priors, so the answer includes that few promoted candidates say little of
the line. Promotion chose by the short scores alone: given these, the whole ones are as if nobody
had chosen (Rubin 1976, Biometrika 63:581).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compound.orchestrator.statistics.image_effects import Bools
from compound.orchestrator.statistics.log_odds import Floats

DRAWS = 1000
FEWEST_DRAWS = 100
CELLS = 8_000_000
"""Most numbers of an array, as long as there are FEWEST_DRAWS."""
SPREAD = 2.0
"""The true spread of the mixes is at most that times the spread of their scores."""
SLOPES = np.geomspace(1 / 8, 2, 10)
"""Of the line from short to whole accuracies, all as likely before the scores are seen."""
STRAYS = np.geomspace(0.02, 0.4, 8)
"""In units of the noise of one score after the whole schedule, all as likely. Few promoted networks
cannot show the stray. With larger ones the rate is below that of simulated studies
(benchmarks/promotion.py); in recorded trainings (tables/search_cost.csv) it is about a third."""


@dataclass(frozen=True)
class Screening:
    """What the rungs showed, as accuracies at equal cost; arrays have shape (candidates,)."""

    short: Floats
    """Means after the short schedule."""
    short_variances: Floats
    """Of these means."""
    df: float
    """Degrees of freedom of those variances."""
    competed: Bools
    """Whether a candidate was promoted by its score only; single axes always go on."""
    whole: Floats
    """Means after the whole schedule; NaN where a candidate was not promoted."""
    whole_variances: Floats
    noise: float
    """Standard deviation of one score after the whole schedule."""

    @property
    def promoted(self) -> Bools:
        """Who has a score after the whole schedule."""
        return np.isfinite(self.whole)

    @property
    def near(self) -> Bools:
        """The promoted that the line is fitted to: not those far below the mixes.

        Where accuracies are far apart, no straight line connects the schedules.
        """
        return self.promoted & (self.short >= np.median(self.short[self.competed]))


def best_promoted(screening: Screening, close: float = 0.0) -> float:
    """Return the probability that no candidate left behind is more than `close` above all others.

    The draws are the same every time: the same scores give the same probability.
    """
    promoted = screening.promoted
    if promoted.all():
        return 1.0
    rng = np.random.default_rng(0)
    truths = _whole(screening, *_short(screening, rng), rng)
    lead = truths[:, promoted].max(axis=1) - truths[:, ~promoted].max(axis=1)
    return float((lead >= -close).mean())


def _draws(screening: Screening) -> int:
    cells = max(len(screening.short), len(SLOPES) * len(STRAYS) * int(screening.near.sum()))
    return int(np.clip(CELLS // cells, FEWEST_DRAWS, DRAWS))


def _short(screening: Screening, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw means and variances of the true short accuracies, shape (draws, candidates)."""
    draws, mixes = _draws(screening), screening.competed
    noise = screening.short_variances * screening.df / rng.chisquare(screening.df, (draws, 1))
    deviation = float(screening.short[mixes].std())
    spread = np.square(rng.uniform(0, SPREAD, (draws, 1)) * deviation)
    middle, _, likelihood = _centre(screening.short[mixes], spread + noise[:, mixes])
    chosen = _pick(np.tile(likelihood, (draws, 1)), rng)
    noise, spread, middle = noise[chosen], spread[chosen], middle[chosen][:, None]
    believed = np.where(mixes, spread / (spread + noise), 1.0)
    return middle + believed * (screening.short - middle), believed * noise


def _centre(values: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the centre of normal values along the last axis, its deviation, the log likelihood."""
    weights = 1 / variances
    total = weights.sum(axis=-1)
    mean = (weights * values).sum(axis=-1) / total
    misfit = (weights * np.square(values - mean[..., None])).sum(axis=-1)
    likelihood = (np.log(weights).sum(axis=-1) - misfit - np.log(total)) / 2
    return mean, 1 / np.sqrt(total), likelihood


def _pick(likelihood: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw a column of each row by its likelihood."""
    weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True)).cumsum(axis=1)
    drawn = rng.random((len(weights), 1)) * weights[:, -1:]
    picked: NDArray[np.intp] = (weights < drawn).sum(axis=1)
    return picked


def _whole(
    screening: Screening, short: Floats, variances: Floats, rng: np.random.Generator
) -> Floats:
    """Draw true accuracies after the whole schedule, shape (draws, candidates)."""
    slope, stray, lift = _line(screening, short, variances, rng)
    own = np.square(slope) * variances + stray
    expected = lift + slope * short
    error = np.where(screening.promoted, screening.whole_variances, np.inf)
    trust = own / (own + error)
    expected = expected + trust * np.where(screening.promoted, screening.whole - expected, 0.0)
    drawn: Floats = expected + rng.standard_normal(own.shape) * np.sqrt((1 - trust) * own)
    return drawn


def _line(
    screening: Screening, short: Floats, variances: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Draw slope, squared stray and lift of the line, shape (draws, 1) each."""
    near = screening.near
    slopes, strays = (grid.ravel()[:, None] for grid in np.meshgrid(SLOPES, STRAYS))
    strays = np.square(strays * screening.noise)
    seen = np.square(slopes) * variances[:, None, near] + strays
    rests = screening.whole[near] - slopes * short[:, None, near]
    lifts, deviations, likelihood = _centre(rests, seen + screening.whole_variances[near])
    picked = _pick(likelihood, rng)
    rows = np.arange(len(short))
    lift = lifts[rows, picked] + deviations[rows, picked] * rng.standard_normal(len(short))
    return slopes[picked], strays[picked], lift[:, None]
