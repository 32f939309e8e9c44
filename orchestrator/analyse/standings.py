"""Each candidate's showing, as a verdict keeps it."""

from collections.abc import Mapping, Sequence

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.statistics.comparison import mean_interval
from compound.schemas.verdict import Standing


def baseline_standing(baseline: CandidateScores, field: ScoredCandidates) -> Standing | None:
    """Return the baseline's showing; None where no job of it has ended."""
    if not baseline.scores and not baseline.failed:
        return None
    return _standing(baseline, field)


def standings(
    entries: Sequence[CandidateScores],
    field: ScoredCandidates,
    screened: Mapping[str, tuple[float, ...]],
) -> tuple[Standing, ...]:
    """Return the best mean first, and last the candidates without a score.

    `screened`: scores after shorter schedules, by candidate.
    """
    tied = {field.scored[i].id for i in field.tied}
    expected: dict[str, float] = {}
    if field.surface is not None:
        values = field.surface.expected.tolist()
        expected = {one.id: value for one, value in zip(field.scored, values, strict=True)}
    told = [
        _standing(one, field, one.id in tied, expected.get(one.id), screened.get(one.id, ()))
        for one in entries
    ]
    return tuple(sorted(told, key=_best_first))


def _best_first(one: Standing) -> tuple[bool, float]:
    """Order by the mean; those that were only screened come after all that were not."""
    shown = one.mean if one.mean is not None else max(one.screened, default=-np.inf)
    return one.mean is None, -shown


def _standing(
    entry: CandidateScores,
    field: ScoredCandidates,
    tied: bool = False,
    expected: float | None = None,
    screened: tuple[float, ...] = (),
) -> Standing:
    interval = None
    if entry.scores and field.noise:
        interval = mean_interval(entry.mean, len(entry.scores), field.noise, field.level)
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
