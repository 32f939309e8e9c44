"""Promotion to a longer schedule: the best part by expected accuracy, at equal cost."""

from collections.abc import Sequence

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.plan.schedules import promoted_count
from compound.orchestrator.statistics.noise import Noise, pooled
from compound.orchestrator.statistics.scheffe import Scheffe, basis
from compound.orchestrator.statistics.surface import Floats


def best_part(
    baseline: CandidateScores, mixes: Sequence[CandidateScores], part: float
) -> list[str]:
    """Return this part of the mixes, at least FEWEST, highest expected accuracy first.

    Mixes without a score are left out. With one seed per candidate, the noise is that between the
    seeds of the baseline.
    """
    scored = [mix for mix in mixes if mix.scores]
    order = np.argsort(-_expected(baseline, scored), kind="stable")
    return [scored[i].id for i in order[: promoted_count(len(mixes), part)]]


def _expected(baseline: CandidateScores, scored: Sequence[CandidateScores]) -> Floats:
    means = np.array([entry.at_budget for entry in scored])
    noise = pooled([entry.values for entry in (baseline, *scored)])
    return _smoothed(scored, means, noise) if noise and len(scored) > 1 else means


def _smoothed(scored: Sequence[CandidateScores], means: Floats, noise: Noise) -> Floats:
    """Shrink each mean towards the surface through all of them, by the share that noise has."""
    counts = np.array([len(entry.scores) for entry in scored], dtype=np.float64)
    columns = basis([entry.candidate.shares for entry in scored])
    return Scheffe.fit(means, counts, noise, columns).expected
