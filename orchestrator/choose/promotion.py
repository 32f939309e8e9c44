"""Promotion to a longer schedule: the best part by mean accuracy, at equal cost."""

from collections.abc import Sequence

from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.plan.schedules import promoted_count


def best_part(mixes: Sequence[CandidateScores], part: float) -> list[str]:
    """Return this part of the mixes, at least FEWEST, highest mean first.

    Mixes without a score are left out. Means are taken as they are: drawn towards a surface they
    promote hardly better networks, and worse ones where one mix stands out (benchmarks/surface.py).
    """
    scored = sorted((mix for mix in mixes if mix.scores), key=lambda mix: -mix.at_budget)
    return [mix.id for mix in scored[: promoted_count(len(mixes), part)]]
