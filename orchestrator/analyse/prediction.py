"""What the surface expects of networks that were not trained, and which to train next.

A prediction is of the true mean that a network would have at the budget's cost: the surface at its
shares plus a stray of its own. Its interval is a t interval whose degrees of freedom weigh those of
the noise, of the strays and of the seeds' luck by what each adds (Satterthwaite 1946).

The next network is the one with the largest expected improvement over the best that is expected so
far (Jones, Schonlau and Welch 1998, with Student's t for their normal). Several are taken one after
another, each as if it had been measured to be as good as expected (the kriging believer of
Ginsbourger, Le Riche and Carraro 2010), so that they do not crowd around one place.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from compound.orchestrator.analyse.scores import NO_LUCK, ScoredCandidates
from compound.orchestrator.statistics.comparison import Noise
from compound.orchestrator.statistics.surface import Floats, Posterior, Surface, splits_of
from compound.schemas.architecture import Candidate
from compound.schemas.verdict import Prediction

ALIKE = 1e-9
"""Improvements, over the noise, that are called equal; then the loneliest network is taken."""
FEWEST = 3.0
"""Degrees of freedom that an improvement is expected with at least."""


def predict(
    field: ScoredCandidates, untried: Sequence[Candidate], level: float
) -> tuple[Prediction, ...]:
    """Return what is expected of untried networks, the largest expected improvement first.

    Left out are networks without shares and those of which the surface knows nothing, because
    they scale an axis that no candidate does. Nothing is predicted without a surface.
    """
    if field.surface is None or field.comparison is None:
        return ()
    known = _known(field.surface, untried)
    if not known:
        return ()
    belief = field.surface.belief(_splits(known))
    low, high = intervals(field, belief, level)
    gains = improvements(field.surface, field.comparison.noise, belief)
    columns = (belief.expected, low, high, gains)
    rows = zip(known, *(one.tolist() for one in columns), strict=True)
    told = [_prediction(*row) for row in rows]
    return tuple(sorted(told, key=lambda one: -one.improvement))


def next_points(
    field: ScoredCandidates, untried: Sequence[Candidate], count: int
) -> tuple[Candidate, ...]:
    """Return at most so many distinct untried networks, in the order in which they are wanted."""
    if field.surface is None or field.comparison is None:
        return ()
    surface, noise = field.surface, field.comparison.noise
    left, taken = _known(surface, untried), list[Candidate]()
    occupied = [one.candidate for one in field.scored]
    while left and len(taken) < count:
        belief = surface.belief(_splits(left))
        gains = improvements(surface, noise, belief)
        best = np.flatnonzero(gains >= gains.max() - ALIKE * noise.sd)
        place = int(best[_solitude([left[i] for i in best], occupied).argmax()])
        surface = surface.believing(_splits([left[place]])[0], float(belief.expected[place]))
        taken.append(left.pop(place))
        occupied.append(taken[-1])
    return tuple(taken)


def intervals(field: ScoredCandidates, belief: Posterior, level: float) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of true means, kept inside 0 to 1."""
    assert field.surface and field.comparison
    noise, luck = field.comparison.noise, field.luck
    df = freedom(field.surface, noise, belief, luck)
    deviation = np.sqrt(noise.sd**2 * belief.variance + luck.sd**2)
    half = stats.t.ppf((1 + level) / 2, df) * deviation
    middle = belief.expected
    low: Floats = np.maximum(middle - half, np.minimum(middle, 0.0))
    high: Floats = np.minimum(middle + half, np.maximum(middle, 1.0))
    return low, high


def freedom(surface: Surface, noise: Noise, belief: Posterior, luck: Noise = NO_LUCK) -> Floats:
    """Return the degrees of freedom that the variances of a belief are known with.

    The parts that come of noise, strays and luck have their own (Satterthwaite 1946).
    """
    unit = noise.sd**2
    noisy, strayed, shared = unit * belief.sampling, unit * belief.straying, luck.sd**2
    spread = noisy**2 / noise.df + strayed**2 / surface.spare + shared**2 / luck.df
    df: Floats = np.maximum((noisy + strayed + shared) ** 2 / spread, 1.0)
    return df


def improvements(surface: Surface, noise: Noise, belief: Posterior) -> Floats:
    """Return the expected improvements over the best expected candidate; none is negative.

    The luck that a seed brings to all falls out of an improvement. With a single degree of freedom
    there would be no expectation; a few more than that are taken.
    """
    df = np.maximum(freedom(surface, noise, belief), FEWEST)
    scale = noise.sd * np.sqrt(belief.variance)
    lead = belief.expected - surface.expected.max()
    u = lead / scale
    beyond = (df + u**2) / (df - 1) * stats.t.pdf(u, df)
    gains: Floats = np.maximum(lead * stats.t.cdf(u, df) + scale * beyond, 0.0)
    return gains


def _known(surface: Surface, untried: Sequence[Candidate]) -> list[Candidate]:
    placed = [one for one in untried if one.shares is not None]
    if not placed:
        return []
    reached = surface.reaches(_splits(placed)).tolist()
    return [one for one, within in zip(placed, reached, strict=True) if within]


def _splits(candidates: Sequence[Candidate]) -> Floats:
    return splits_of([one.shares for one in candidates if one.shares is not None])


def _solitude(some: Sequence[Candidate], occupied: Sequence[Candidate]) -> Floats:
    """Return how far each of some networks lies from the nearest of the others."""
    others = _splits(occupied)
    if len(some) < 2 or not len(others):
        return np.zeros(len(some))
    apart = np.linalg.norm(_splits(some)[:, None] - others, axis=-1)
    nearest: Floats = apart.min(axis=1)
    return nearest


def _prediction(
    one: Candidate, expected: float, low: float, high: float, improvement: float
) -> Prediction:
    assert one.shares is not None
    return Prediction(
        candidate=one.id,
        coefficients=one.coefficients,
        shares=one.shares,
        ratio=one.ratio,
        expected=expected,
        low=low,
        high=high,
        improvement=improvement,
    )
