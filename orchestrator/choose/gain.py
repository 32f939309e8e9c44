"""What compound scaling has over the best single axis, from candidates set side by side."""

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.choose.tie_break import TieBreak
from compound.orchestrator.statistics.post_selection import MixVersusControls, lead_interval
from compound.schemas.verdict import Gain


def gain(
    field: ScoredCandidates, chosen: CandidateScores | None, tie_break: TieBreak
) -> Gain | None:
    """Return the gain of the mix that stands for compound scaling; None without mix or control."""
    if chosen is None or not field.controls or not field.mixes:
        return None
    mix = _mix(field, chosen)
    control = field.scored[field.controls[0]]
    assert control.axis
    low, high = _interval(field, mix, tie_break)
    return Gain(
        mix=field.scored[mix].id,
        over=control.axis,
        candidate=control.id,
        estimate=field.scored[mix].at_budget - control.at_budget,
        low=low,
        high=high,
    )


def _mix(field: ScoredCandidates, chosen: CandidateScores) -> int:
    """Return the position of the mix that stands for compound scaling."""
    if not chosen.axis:
        return field.scored.index(chosen)
    tied = set(field.tied)
    return next((i for i in field.mixes if i in tied), field.mixes[0])


def _contest(field: ScoredCandidates, tie_break: TieBreak) -> MixVersusControls:
    keys = [tie_break.key(field.scored[i]) for i in field.mixes]
    preferred_first = sorted(range(len(keys)), key=keys.__getitem__)
    rank = np.argsort(preferred_first).astype(np.float64)
    return MixVersusControls(field.mixes, field.controls, rank)


def _interval(
    field: ScoredCandidates, mix: int, tie_break: TieBreak
) -> tuple[float, float] | tuple[None, None]:
    """Return the ends of the gain's interval.

    One that would exclude 0 is stretched to it where the comparison proves neither a gain nor,
    by the mix having left the tied set, a loss.
    """
    if field.comparison is None or field.surface is None:
        return None, None
    noise, contest = field.comparison.noise, _contest(field, tie_break)
    found = lead_interval(contest, field.surface, noise, mix, field.level)
    low = found.low if mix in field.proven else min(found.low, 0.0)
    high = max(found.high, 0.0) if mix in field.tied else found.high
    return low, high
