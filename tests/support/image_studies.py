"""Small studies with answers to single images of one's own choosing, to be judged."""

from collections.abc import Sequence

import numpy as np

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.scores import planned
from compound.orchestrator.choose.verdict import analyse
from compound.schemas.architecture import Candidate
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan
from compound.schemas.verdict import Verdict
from tests.support.image_answers import Bools, predictions_of
from tests.support.verdict_studies import ended, plan_of, spec_of


def answered(
    networks: Sequence[Candidate], right: Bools
) -> tuple[Plan, dict[str, JobResult], dict[str, Predictions]]:
    """Return a study's plan, with the results and predictions of its jobs."""
    plan = plan_of(networks, right.shape[1])
    data = plan.data.model_copy(update={"validation": right.shape[2]})
    plan = plan.model_copy(update={"data": data})
    answers = {network.id: rows for network, rows in zip(networks, right, strict=True)}
    answers[plan.baseline.id] = right[0] & (np.arange(right.shape[2]) % 10 > 0)
    results, kept = {}, {}
    for candidate, jobs in planned(plan).items():
        for job, seed in jobs:
            results[job] = ended(job, float(answers[candidate][seed].mean()))
            kept[job] = predictions_of(answers[candidate][seed])
    return plan, results, kept


def judged(
    networks: Sequence[Candidate], right: Bools, *, images: bool = True, level: float = 0.9
) -> Verdict:
    """Return the verdict on networks by their answers; `images`: whether they are kept."""
    plan, results, kept = answered(networks, right)
    return analyse(spec_of(right.shape[1], level), plan, results, kept if images else None)
