"""The accuracy to expect of the choice."""

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates, score_table
from compound.orchestrator.statistics.held_out_seed import held_out_mean, worth
from compound.orchestrator.statistics.log_odds import accuracy
from compound.schemas.verdict import Worth


def worth_of(scored: ScoredCandidates, chosen: CandidateScores | None) -> Worth | None:
    """Return what the choice is worth at its own cost; None without noise or choice."""
    if chosen is None or scored.estimates is None:
        return None
    position = scored.candidates.index(chosen)
    table = score_table(scored.candidates, scored.images)
    shifts = np.array([entry.shift for entry in scored.candidates])
    # As the choice itself: among all, but only among mixes where one is proven the best.
    pool = np.array(scored.mixes) if scored.proven else np.arange(len(shifts))
    held_out = held_out_mean(table, shifts, pool) if len(scored.tied) > 1 else None
    mean = float(scored.estimates.means[position])
    tied = len(scored.tied)
    expected = worth(scored.estimates, position, mean, held_out, tied, scored.level)
    value, low, high = accuracy([expected.value, expected.low, expected.high]).tolist()
    return Worth(value=value, low=low, high=high)
