"""The standing of each candidate, as the verdict stores it."""

from collections.abc import Mapping, Sequence

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.statistics.noise import mean_interval
from compound.schemas.verdict import Standing


def baseline_standing(baseline: CandidateScores, scored: ScoredCandidates) -> Standing | None:
    """Return the baseline's standing; None where none of its jobs has ended."""
    if not baseline.scores and not baseline.failed:
        return None
    return _standing(baseline, scored)


def standings(
    entries: Sequence[CandidateScores],
    scored: ScoredCandidates,
    screened: Mapping[str, tuple[float, ...]],
) -> tuple[Standing, ...]:
    """Return the standings, best mean first, candidates without a score last.

    `screened`: scores after shorter schedules, by candidate.
    """
    tied = {scored.candidates[i].id for i in scored.tied}
    expected: dict[str, float] = {}
    if scored.surface is not None:
        values = scored.surface.expected.tolist()
        expected = {entry.id: value for entry, value in zip(scored.candidates, values, strict=True)}
    rows = [
        _standing(
            entry, scored, entry.id in tied, expected.get(entry.id), screened.get(entry.id, ())
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
    scored: ScoredCandidates,
    tied: bool = False,
    expected: float | None = None,
    screened: tuple[float, ...] = (),
) -> Standing:
    interval = None
    if entry.scores and scored.noise:
        interval = mean_interval(entry.mean, len(entry.scores), scored.noise, scored.level)
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
        tied=tied,
        at_budget=entry.at_budget if compared else None,
        expected=expected,
        screened=screened,
    )
