"""Test accuracies of a network over its seeds."""

from collections.abc import Mapping
from statistics import fmean, stdev

from compound.orchestrator.records.final_networks import FinalNetwork
from compound.orchestrator.statistics.wilson import wilson
from compound.schemas.final_evaluation import NetworkScore, SeedScore
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY, TEST_ACCURACY, TEST_IMAGES, TEST_LOSS
from compound.schemas.plan import PlannedJob


def seed_score(
    planned: PlannedJob,
    trained: JobResult,
    evaluated: JobResult,
    level: float,
    *,
    weights: str,
    content: str,
) -> SeedScore:
    """Return what one evaluation has measured, beside the validation accuracy of the same weights.

    `weights` and `content`: the hashes of the checkpoint and of the test part.
    """
    accuracy = evaluated.metrics[TEST_ACCURACY]
    images = round(evaluated.metrics[TEST_IMAGES])
    low, high = wilson(accuracy, images, level)
    return SeedScore(
        job=trained.job,
        seed=planned.request.job.seed,
        weights=weights,
        content=content,
        images=images,
        correct=round(accuracy * images),
        accuracy=accuracy,
        loss=evaluated.metrics[TEST_LOSS],
        validation=trained.metrics.get(ACCURACY),
        low=low,
        high=high,
    )


def network_score(
    network: FinalNetwork,
    scores: Mapping[str, SeedScore],
    unread: Mapping[str, str],
    level: float,
) -> NetworkScore:
    """Return a network's mean and spread. `scores` and `unread`, the reasons, are by job."""
    jobs = {planned.request.job.id: planned.request.label for planned in network.jobs}
    seeds = tuple(scores[job] for job in jobs if job in scores)
    accuracies = [score.accuracy for score in seeds]
    mean = fmean(accuracies) if accuracies else None
    low, high = (
        wilson(mean, min(score.images for score in seeds), level)
        if mean is not None
        else (None, None)
    )
    validations = [score.validation for score in seeds if score.validation is not None]
    return NetworkScore(
        role=network.role,
        network=network.network.id,
        name=network.name,
        phi=network.phi,
        planned=len(network.jobs),
        seeds=seeds,
        accuracy=mean,
        spread=stdev(accuracies) if len(accuracies) > 1 else None,
        low=low,
        high=high,
        validation=fmean(validations) if validations else None,
        unread=tuple(f"{label}: {unread[job]}" for job, label in jobs.items() if job in unread),
    )
