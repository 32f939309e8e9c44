"""The standing of each candidate, as the verdict stores it."""

from collections.abc import Mapping, Sequence

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates, score_table
from compound.orchestrator.statistics.estimates import Estimates, estimate
from compound.orchestrator.statistics.lead import Spread, mean_ends
from compound.orchestrator.statistics.noise import Estimate
from compound.schemas.verdict import Standing


def baseline_standing(baseline: CandidateScores, scored: ScoredCandidates) -> Standing | None:
    """Return the baseline's standing; None where none of its jobs has ended."""
    if not baseline.scores and not baseline.failed:
        return None
    interval = _interval_of_baseline(baseline, scored) if baseline.scores else None
    return _standing(baseline, interval)


def interval_of(
    scored: ScoredCandidates, position: int, mean: float, at_budget: bool = False
) -> Estimate | None:
    """Return a candidate's mean accuracy with its t interval, computed on log odds.

    The interval contains `mean`, the plain mean of the accuracies. None without repeated scores.
    """
    if scored.estimates is None:
        return None
    shift = scored.candidates[position].shift if at_budget else 0.0
    return _interval(scored.estimates, position, mean, scored.level, shift)


def _interval(
    estimates: Estimates, position: int, mean: float, level: float, shift: float = 0.0
) -> Estimate:
    variance, df = estimates.doubt(position, (shift / 2) ** 2)
    spread = Spread(float(estimates.means[position]) + shift, variance, df)
    return Estimate(mean, *mean_ends(spread, 0.0, mean, level))


def _interval_of_baseline(baseline: CandidateScores, scored: ScoredCandidates) -> Estimate | None:
    """Return the baseline's interval: its noise is moderated by that of the candidates."""
    entries = (baseline, *scored.candidates)
    estimates = estimate(score_table(entries, scored.images), scored.images)
    if estimates is None:
        return None
    estimates = estimates.with_images([entry.on_images for entry in entries])
    return _interval(estimates, 0, baseline.mean, scored.level)


def standings(
    entries: Sequence[CandidateScores],
    scored: ScoredCandidates,
    screened: Mapping[str, tuple[float, ...]],
) -> tuple[Standing, ...]:
    """Return the standings, best mean first, candidates without a score last.

    `screened`: scores after shorter schedules, by candidate.
    """
    tied = {scored.candidates[i].id for i in scored.tied}
    intervals = {
        entry.id: interval_of(scored, position, entry.mean)
        for position, entry in enumerate(scored.candidates)
    }
    rows = [
        _standing(
            entry,
            intervals.get(entry.id),
            entry.id in tied,
            screened.get(entry.id, ()),
        )
        for entry in entries
    ]
    return tuple(sorted(rows, key=_best_first))


def _best_first(standing: Standing) -> tuple[bool, float]:
    """Order by the mean; candidates with shorter schedules only come last."""
    score = standing.mean if standing.mean is not None else max(standing.screened, default=-np.inf)
    return standing.mean is None, -score


def _standing(
    entry: CandidateScores,
    interval: Estimate | None,
    tied: bool = False,
    screened: tuple[float, ...] = (),
) -> Standing:
    compared = bool(entry.scores) and "baseline" not in entry.candidate.roles
    return Standing(
        candidate=entry.id,
        roles=entry.candidate.roles,
        coefficients=entry.candidate.coefficients,
        ratio=entry.candidate.ratio,
        scores=entry.values,
        mean=entry.mean if entry.scores else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        failed=entry.failed,
        collapsed=tuple(entry.collapsed.items()),
        tied=tied,
        at_budget=entry.at_budget if compared else None,
        screened=screened,
    )
