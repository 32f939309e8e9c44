"""The gain of compound scaling over the best single axis, with its interval."""

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.choose.tie_break import TieBreak
from compound.orchestrator.statistics.post_selection import MixVersusControls, lead_interval
from compound.schemas.verdict import Gain


def gain_of(
    scored: ScoredCandidates, chosen: CandidateScores | None, tie_break: TieBreak
) -> Gain | None:
    """Return the gain of the mix that represents compound scaling; None without mix or control."""
    if chosen is None or not scored.controls or not scored.mixes:
        return None
    mix = _mix(scored, chosen)
    control = scored.candidates[scored.controls[0]]
    assert control.axis
    low, high = _interval(scored, mix, tie_break)
    return Gain(
        mix=scored.candidates[mix].id,
        over=control.axis,
        candidate=control.id,
        estimate=scored.candidates[mix].at_budget - control.at_budget,
        low=low,
        high=high,
    )


def _mix(scored: ScoredCandidates, chosen: CandidateScores) -> int:
    """Return the position of the mix that represents compound scaling."""
    if not chosen.axis:
        return scored.candidates.index(chosen)
    tied = set(scored.tied)
    return next((i for i in scored.mixes if i in tied), scored.mixes[0])


def _contest(scored: ScoredCandidates, tie_break: TieBreak) -> MixVersusControls:
    keys = [tie_break.key(scored.candidates[i]) for i in scored.mixes]
    preferred_first = sorted(range(len(keys)), key=keys.__getitem__)
    rank = np.argsort(preferred_first).astype(np.float64)
    return MixVersusControls(scored.mixes, scored.controls, rank)


def _interval(
    scored: ScoredCandidates, mix: int, tie_break: TieBreak
) -> tuple[float, float] | tuple[None, None]:
    """Return the ends of the gain's interval.

    An interval that would exclude 0 is extended to 0 unless the comparison proves a gain, or a
    loss: a loss is proven where the mix is not in the tied set.
    """
    if scored.comparison is None or scored.surface is None:
        return None, None
    noise, contest = scored.comparison.noise, _contest(scored, tie_break)
    interval = lead_interval(contest, scored.surface, noise, mix, scored.level)
    low = interval.low if mix in scored.proven else min(interval.low, 0.0)
    high = max(interval.high, 0.0) if mix in scored.tied else interval.high
    return low, high
