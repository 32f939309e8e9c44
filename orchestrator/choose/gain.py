"""The gain of compound scaling over the best single axis, with its interval."""

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.statistics.lead import Spread, difference
from compound.orchestrator.statistics.tied_set import Comparison
from compound.schemas.verdict import Gain


def gain_of(scored: ScoredCandidates, chosen: CandidateScores | None) -> Gain | None:
    """Return the gain of the mix that represents compound scaling; None without mix or control."""
    if chosen is None or not scored.controls or not scored.mixes:
        return None
    mix = _mix(scored, chosen)
    control = scored.candidates[scored.controls[0]]
    assert control.axis
    low, high = _interval(scored, mix)
    estimate = scored.candidates[mix].at_budget - control.at_budget
    return Gain(
        mix=scored.candidates[mix].id,
        over=control.axis,
        candidate=control.id,
        estimate=estimate,
        low=None if low is None else min(low, estimate),
        high=None if high is None else max(high, estimate),
    )


def _mix(scored: ScoredCandidates, chosen: CandidateScores) -> int:
    """Return the position of the mix that represents compound scaling."""
    if not chosen.axis:
        return scored.candidates.index(chosen)
    tied = set(scored.tied)
    return next((i for i in scored.mixes if i in tied), scored.mixes[0])


def _interval(scored: ScoredCandidates, mix: int) -> tuple[float, float] | tuple[None, None]:
    """Return the ends of the gain's interval, as differences of accuracies.

    It is the union of two: with the correction for uneven cost, and without. Each allows for the
    mix having been picked among all mixes. So 0 is outside only where the gain, or the loss, is
    proven, and does not hang on the correction.
    """
    if scored.comparison is None or scored.uncorrected is None:
        return None, None
    ends = [
        _ends(scored, comparison, mix) for comparison in (scored.comparison, scored.uncorrected)
    ]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _ends(scored: ScoredCandidates, comparison: Comparison, mix: int) -> tuple[float, float]:
    """Return the lead over the best control: the least of the leads over each."""
    leads = [_lead(scored, comparison, mix, control) for control in scored.controls]
    return min(low for low, _ in leads), min(high for _, high in leads)


def _lead(
    scored: ScoredCandidates, comparison: Comparison, mix: int, control: int
) -> tuple[float, float]:
    """Return the ends of the lead over one control, as accuracies."""
    margin = comparison.superiority(scored.mixes, control)
    margin *= float(comparison.spread(control, [mix])[0])
    columns = comparison.means, comparison.mean_variances, comparison.df
    ahead, rival = (Spread(*(float(column[i]) for column in columns)) for i in (mix, control))
    return difference(ahead, rival, -margin), difference(ahead, rival, margin)
