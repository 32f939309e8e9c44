"""Who goes on to a longer schedule: the best part by expected accuracy, at equal cost."""

import math
from collections.abc import Sequence

import numpy as np

from compound.orchestrator.analyse.scores import Entry
from compound.orchestrator.statistics.comparison import Noise, pooled
from compound.orchestrator.statistics.scheffe import Scheffe, basis
from compound.orchestrator.statistics.surface import Floats

FEWEST = 2
"""Mixes that go on from every rung."""


def best_part(baseline: Entry, mixes: Sequence[Entry], part: float) -> list[str]:
    """Return this part of the mixes, at least FEWEST, highest expected accuracy first.

    Those without a score are out. With one seed a candidate the noise is that between the seeds
    of the baseline.
    """
    scored = [one for one in mixes if one.scores]
    order = np.argsort(-_expected(baseline, scored), kind="stable")
    return [scored[i].id for i in order[: number_of(len(mixes), part)]]


def number_of(mixes: int, part: float) -> int:
    """Return how many of so many mixes go on."""
    return min(mixes, max(FEWEST, math.ceil(part * mixes)))


def _expected(baseline: Entry, scored: Sequence[Entry]) -> Floats:
    means = np.array([one.at_budget for one in scored])
    noise = pooled([one.values for one in (baseline, *scored)])
    return _smoothed(scored, means, noise) if noise and len(scored) > 1 else means


def _smoothed(scored: Sequence[Entry], means: Floats, noise: Noise) -> Floats:
    """Draw each mean towards the surface through all, as far as the noise asks for it."""
    counts = np.array([len(one.scores) for one in scored], dtype=np.float64)
    columns = basis([one.candidate.shares for one in scored])
    return Scheffe.fit(means, counts, noise, columns).expected
