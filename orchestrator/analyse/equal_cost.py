"""Moves the scores of candidates to one exact cost, and gathers those of a search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.on_images import on_images
from compound.orchestrator.analyse.scores import (
    MOST,
    CandidateScores,
    Jobs,
    ScoredCandidates,
    candidate_scores,
    compare,
)
from compound.orchestrator.statistics.log_odds import log_odds
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec

LONGEST = 2.0
"""Longest extrapolation along a candidate's line, in lengths of the line."""


def at_equal_cost(
    entries: Sequence[CandidateScores], baseline: CandidateScores, multiple: float
) -> list[CandidateScores]:
    """Move every candidate to a cost of exactly `multiple` times the baseline's.

    A candidate moves along the line from the baseline's point through its own, log odds over the
    logarithm of cost: candidates are too close in cost to estimate a slope from each other. Without
    a score of the baseline nothing moves, nor does a candidate that would move farther than
    LONGEST.
    """
    if not baseline.scores:
        return list(entries)
    return [
        replace(entry, shift=_shift(entry, baseline, multiple)) if entry.scores else entry
        for entry in entries
    ]


def _shift(entry: CandidateScores, baseline: CandidateScores, multiple: float) -> float:
    lead = log_odds(entry.mean, MOST) - log_odds(baseline.mean, MOST)
    return (_stretch(entry, multiple) - 1) * float(lead)


def _stretch(entry: CandidateScores, multiple: float) -> float:
    """Return the length of the line to the multiple over that of the line to the candidate."""
    doublings = math.log2(entry.candidate.ratio)
    doublings_to_multiple = math.log2(multiple)
    return doublings_to_multiple / doublings if doublings > doublings_to_multiple / LONGEST else 1.0


def gathered(
    spec: StudySpec,
    plan: Plan,
    results: Mapping[str, JobResult],
    jobs: Jobs,
    predictions: Mapping[str, Predictions] | None = None,
) -> tuple[CandidateScores, list[CandidateScores], ScoredCandidates]:
    """Return the baseline, the candidates at equal cost, and those with a score, compared.

    `predictions`: of the validation images, by job; without them no interval has the images.
    """
    search, classes = spec.search, len(plan.data.classes)
    baseline = candidate_scores(plan.baseline, jobs, results, classes)
    entries = [candidate_scores(network, jobs, results, classes) for network in plan.candidates]
    baseline, *entries = on_images([baseline, *entries], predictions or {})
    entries = at_equal_cost(entries, baseline, search.budget.multiple)
    scored = compare(entries, search.level, plan.data.validation)
    return baseline, entries, scored
