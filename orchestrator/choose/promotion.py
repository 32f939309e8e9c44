"""Promotion to a longer schedule: the best part by mean accuracy, at equal cost."""

from collections.abc import Sequence

from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.plan.schedules import promoted_count


def best_part(mixes: Sequence[CandidateScores], part: float) -> list[str]:
    """Return this part of the mixes, at least FEWEST, highest mean first.

    Mixes without a score are left out. Means are not drawn towards the surface over all mixes: in
    simulated studies that agrees less often with the full search (benchmarks/agreement.py).
    """
    scored = [mix for mix in mixes if mix.scores]
    best_first = sorted(scored, key=lambda mix: -mix.at_budget)
    return [mix.id for mix in best_first[: promoted_count(len(mixes), part)]]
