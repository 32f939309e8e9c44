"""What a verdict after rungs is over: how many were promoted, and whether the best one was."""

from collections.abc import Sequence

import numpy as np

from compound.orchestrator.analyse.rungs import RungScores
from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates, resolution
from compound.orchestrator.statistics.log_odds import accuracy
from compound.orchestrator.statistics.noise import Noise, residual
from compound.orchestrator.statistics.promoted_best import Screening, best_promoted
from compound.schemas.verdict import Promoted

CLOSE = 0.5
"""Noises between seeds within which a network is as good as the best one."""


def promoted(by_rung: Sequence[RungScores], scored: ScoredCandidates) -> Promoted | None:
    """Return what rungs left behind, and the rate with which the best was promoted.

    The rate is that of the first rung's scores, which every candidate has. None without rungs.
    """
    if len(by_rung) < 2:
        return None
    first = [entry for entry in by_rung[0].entries.values() if entry.scores]
    noise = _noise(first, by_rung[0].noise)
    whole, rate, close = scored.contenders_noise, None, None
    if noise and whole and any(not entry.axis for entry in first):
        close = CLOSE * whole
        least = resolution(scored.images)
        screening = _screening(first, noise.at_least(least), scored, max(whole, least))
        rate = best_promoted(screening, close)
    entered, compared = len(by_rung[0].entries), len(scored.candidates)
    return Promoted(networks=entered, promoted=compared, rate=rate, close=close)


def _noise(entries: Sequence[CandidateScores], baseline: Noise | None) -> Noise | None:
    """Return the noise of differences after the short schedule.

    Without repeated scores it is the baseline's, which contains what a seed adds to all.
    """
    seeds = {len(entry.scores) for entry in entries}
    if len(entries) > 1 and len(seeds) == 1 and min(seeds) > 1:
        return residual([entry.values_at_budget for entry in entries])
    return baseline


def _screening(
    first: Sequence[CandidateScores], noise: Noise, scored: ScoredCandidates, whole_noise: float
) -> Screening:
    assert scored.estimates is not None
    shifts = np.array([entry.shift for entry in scored.candidates])
    means = accuracy(scored.estimates.means + shifts)
    variances = scored.estimates.mean_variances * np.square(means * (1 - means))
    positions = {entry.id: position for position, entry in enumerate(scored.candidates)}
    rows = [positions.get(entry.id, -1) for entry in first]
    return Screening(
        short=np.array([entry.at_budget for entry in first]),
        short_variances=noise.sd**2 / np.array([len(entry.scores) for entry in first]),
        df=noise.df,
        competed=np.array([entry.axis is None for entry in first]),
        whole=np.append(means, np.nan)[rows],
        whole_variances=np.append(variances, np.nan)[rows],
        noise=whole_noise,
    )
