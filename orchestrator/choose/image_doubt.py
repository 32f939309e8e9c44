"""Whether the intervals of a verdict hold for new images, in numbers and in words."""

from collections.abc import Mapping, Sequence

import numpy as np

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.on_images import unknown
from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.statistics.image_effects import of_differences
from compound.orchestrator.statistics.log_odds import accuracy
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.verdict import ImageDoubt


def image_doubt(
    entries: Sequence[CandidateScores],
    scored: ScoredCandidates,
    predictions: Mapping[str, Predictions] | None,
) -> ImageDoubt | None:
    """Return what is known of the images; None without scores, or where nobody looked."""
    jobs = sum(len(entry.jobs) for entry in entries)
    if predictions is None or not jobs:
        return None
    missing, error = unknown(entries, predictions), error_of_images(scored)
    return ImageDoubt(
        images=scored.images,
        jobs=jobs,
        unknown=missing,
        error=error,
        sentence=_sentence(scored.images, jobs, missing, error),
    )


def error_of_images(scored: ScoredCandidates) -> float | None:
    """Return the error that the images alone give a difference of contenders, as an accuracy."""
    estimates = scored.estimates
    if estimates is None or estimates.image_covariance is None or len(scored.candidates) < 2:
        return None
    means = accuracy(estimates.means)
    covariances = estimates.image_covariance * np.outer(*2 * [means * (1 - means)])
    contenders = scored.tied if len(scored.tied) > 1 else range(len(means))
    pairs = [
        of_differences(covariances, first)[second]
        for first in contenders
        for second in contenders
        if first < second
    ]
    return float(np.sqrt(np.median(pairs)))


def _sentence(images: int, jobs: int, missing: int, error: float | None) -> str:
    if missing:
        return (
            f"Intervals hold for new seeds on the same {counted(images, 'validation image')}, not "
            f"for new images: {missing:,} of {counted(jobs, 'job')} have no predictions of these "
            "images in the store. They ended before predictions were kept, or their file is "
            "damaged (`compound fsck` tells). The same spec with another `store` trains anew and "
            "has them."
        )
    if error is None:
        return ""
    return (
        f"Intervals hold for new seeds and for new images like these {images:,}. The choice of "
        f"images alone gives a difference between two contenders a standard error of "
        f"{points(error)} points."
    )
