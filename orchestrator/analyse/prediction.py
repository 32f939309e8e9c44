"""Predictions for networks that were not trained, and the choice of the next ones to train.

A prediction is of the true mean that a network would have at the budget's cost: the surface at its
shares plus its own lack of fit. Its interval is a t interval whose degrees of freedom weigh those
of the noise, of the lack of fit and of the seed effect by their variances (Satterthwaite 1946).

The next network is the one with the largest expected improvement over the best expected candidate
(Jones, Schonlau and Welch 1998, with Student's t for their normal). Several are chosen one after
another, each as if it had been measured with its expected accuracy (the kriging believer of
Ginsbourger, Le Riche and Carraro 2010), so that they do not gather around one point.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from compound.orchestrator.analyse.scores import NO_SEED_EFFECT, ScoredCandidates
from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.statistics.surface import Floats, Posterior, Surface, splits_of
from compound.schemas.architecture import Candidate
from compound.schemas.verdict import Prediction

ALIKE = 1e-9
"""Difference of improvements, in units of the noise, that counts as none: then the network
farthest from all others is chosen."""
FEWEST = 3.0
"""Least degrees of freedom of an expected improvement."""


def predict(
    scored: ScoredCandidates, untried: Sequence[Candidate], level: float
) -> tuple[Prediction, ...]:
    """Return predictions for untried networks, the largest expected improvement first.

    Networks without shares are left out, and those that the surface does not cover because they
    scale an axis that no candidate scales. Without a surface there are no predictions.
    """
    if scored.surface is None or scored.noise is None:
        return ()
    candidates = _within_reach(scored.surface, untried)
    if not candidates:
        return ()
    posterior = scored.surface.posterior(_splits(candidates))
    low, high = intervals(scored, posterior, level)
    gains = improvements(scored.surface, scored.noise, posterior)
    order = np.argsort(-gains, kind="stable")
    # No network can gain more than the best one lacks, though the surface may expect it.
    gains = np.minimum(gains, max(1 - float(scored.surface.expected.max()), 0.0))
    columns = (posterior.expected, low, high, gains)
    rows = zip(*(column[order].tolist() for column in columns), strict=True)
    pairs = zip((candidates[i] for i in order), rows, strict=True)
    return tuple(_prediction(candidate, *row) for candidate, row in pairs)


def next_points(
    scored: ScoredCandidates, untried: Sequence[Candidate], count: int
) -> tuple[Candidate, ...]:
    """Return at most `count` distinct untried networks, in the order of their priority."""
    if scored.surface is None or scored.noise is None:
        return ()
    surface, noise = scored.surface, scored.noise
    remaining, chosen = _within_reach(surface, untried), list[Candidate]()
    occupied = [entry.candidate for entry in scored.candidates]
    while remaining and len(chosen) < count:
        posterior = surface.posterior(_splits(remaining))
        gains = improvements(surface, noise, posterior)
        best = np.flatnonzero(gains >= gains.max() - ALIKE * noise.sd)
        position = int(best[_solitude([remaining[i] for i in best], occupied).argmax()])
        surface = surface.conditioned_on(
            _splits([remaining[position]])[0], float(posterior.expected[position])
        )
        chosen.append(remaining.pop(position))
        occupied.append(chosen[-1])
    return tuple(chosen)


def intervals(
    scored: ScoredCandidates, posterior: Posterior, level: float
) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of true means, clipped to 0 and 1."""
    assert scored.surface and scored.noise
    noise, seed_effect = scored.noise, scored.seed_effect
    df = freedom(scored.surface, noise, posterior, seed_effect)
    deviation = np.sqrt(noise.sd**2 * posterior.variance + seed_effect.sd**2)
    half = stats.t.ppf((1 + level) / 2, df) * deviation
    middle = posterior.expected
    low: Floats = np.clip(middle - half, 0.0, 1.0)
    high: Floats = np.clip(middle + half, 0.0, 1.0)
    return low, high


def freedom(
    surface: Surface, noise: Noise, posterior: Posterior, seed_effect: Noise = NO_SEED_EFFECT
) -> Floats:
    """Return the degrees of freedom of a posterior's variances (Satterthwaite 1946).

    Noise, lack of fit and seed effect each have their own.
    """
    unit = noise.sd**2
    sampling, misfit = unit * posterior.sampling, unit * posterior.lack_of_fit
    shared = seed_effect.sd**2
    spread = sampling**2 / noise.df + misfit**2 / surface.residual_df + shared**2 / seed_effect.df
    df: Floats = np.maximum((sampling + misfit + shared) ** 2 / spread, 1.0)
    return df


def improvements(surface: Surface, noise: Noise, posterior: Posterior) -> Floats:
    """Return the expected improvements over the best expected candidate; none is negative.

    The seed effect is the same for all candidates and cancels. With one degree of freedom the
    expectation does not exist, so at least FEWEST are used.
    """
    df = np.maximum(freedom(surface, noise, posterior), FEWEST)
    scale = noise.sd * np.sqrt(posterior.variance)
    lead = posterior.expected - surface.expected.max()
    u = lead / scale
    beyond = (df + u**2) / (df - 1) * stats.t.pdf(u, df)
    gains: Floats = np.maximum(lead * stats.t.cdf(u, df) + scale * beyond, 0.0)
    return gains


def _within_reach(surface: Surface, untried: Sequence[Candidate]) -> list[Candidate]:
    with_shares = [candidate for candidate in untried if candidate.shares is not None]
    if not with_shares:
        return []
    within_reach = surface.covers(_splits(with_shares)).tolist()
    return [
        candidate for candidate, inside in zip(with_shares, within_reach, strict=True) if inside
    ]


def _splits(candidates: Sequence[Candidate]) -> Floats:
    return splits_of([candidate.shares for candidate in candidates if candidate.shares is not None])


def _solitude(candidates: Sequence[Candidate], occupied: Sequence[Candidate]) -> Floats:
    """Return the distance of each network to the nearest occupied point."""
    splits = _splits(occupied)
    if len(candidates) < 2 or not len(splits):
        return np.zeros(len(candidates))
    apart = np.linalg.norm(_splits(candidates)[:, None] - splits, axis=-1)
    nearest: Floats = apart.min(axis=1)
    return nearest


def _prediction(
    candidate: Candidate, expected: float, low: float, high: float, improvement: float
) -> Prediction:
    assert candidate.shares is not None
    return Prediction(
        candidate=candidate.id,
        coefficients=candidate.coefficients,
        shares=candidate.shares,
        ratio=candidate.ratio,
        expected=expected,
        low=low,
        high=high,
        improvement=improvement,
    )
