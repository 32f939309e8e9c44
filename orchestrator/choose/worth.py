"""The accuracy to expect of the choice."""

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates, score_table
from compound.orchestrator.statistics.held_out_seed import held_out_mean, held_out_on_images, worth
from compound.orchestrator.statistics.log_odds import Floats, accuracy, log_odds, unclipped
from compound.schemas.verdict import Worth

FOLDS = 10
"""Parts of the images, each left out once. Neighbours go to different parts: listings are sorted by
class."""


def worth_of(scored: ScoredCandidates, chosen: CandidateScores | None) -> Worth | None:
    """Return what the choice is worth at its own cost; None without noise or choice."""
    if chosen is None or scored.estimates is None:
        return None
    position = scored.candidates.index(chosen)
    table = score_table(scored.candidates, scored.images)
    shifts = np.array([entry.shift for entry in scored.candidates])
    # As the choice itself: among all, but only among mixes where one is proven the best.
    pool = np.array(scored.mixes) if scored.proven else np.arange(len(shifts))
    held_out = _held_out(scored, table, shifts, pool) if len(scored.tied) > 1 else None
    expected = worth(scored.estimates, position, held_out, len(scored.tied), scored.level)
    ends = accuracy([expected.value, expected.low, expected.high]).tolist()
    value = float(unclipped(ends[0], scored.images))
    return Worth(value=value, low=min(ends[1], value), high=max(ends[2], value))


def _held_out(
    scored: ScoredCandidates, table: Floats, shifts: Floats, pool: np.ndarray
) -> float | None:
    """Return log odds on what took no part in the choice: seeds, and images where these are known.

    `table`: the scores on log odds, (candidates, seeds).
    """
    networks = [entry.on_images for entry in scored.candidates if entry.on_images]
    if len(networks) < len(table) or networks[0].right.shape[1] < FOLDS:
        return held_out_mean(table, shifts, pool)
    folds = np.full((*table.shape, FOLDS), np.nan)
    for row, network in enumerate(networks):
        parts = [network.right[:, fold::FOLDS].mean(axis=1) for fold in range(FOLDS)]
        folds[row, np.isfinite(table[row])] = np.column_stack(parts)
    mean = held_out_on_images(folds, shifts, pool)
    return None if mean is None else float(log_odds(mean, scored.images))
