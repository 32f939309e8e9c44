"""The scores of candidates image by image, from the predictions that their jobs have kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.statistics.image_effects import ImageScores


def on_images(
    entries: Sequence[CandidateScores], predictions: Mapping[str, Predictions]
) -> list[CandidateScores]:
    """Give every candidate how often its seeds are right on each image.

    None gets it where a job with a score has no predictions, or has those of other images:
    candidates are compared on the same images or not at all.
    """
    if unknown(entries, predictions):
        return list(entries)
    return [
        replace(entry, on_images=_scores(entry, predictions)) if entry.jobs else entry
        for entry in entries
    ]


def unknown(entries: Sequence[CandidateScores], predictions: Mapping[str, Predictions]) -> int:
    """Return how many jobs with a score have no predictions, or those of other images."""
    jobs = [job for entry in entries for job in entry.jobs.values()]
    stored = [predictions[job] for job in jobs if job in predictions]
    return len(jobs) - sum(answers.are_of_images_of(stored[0]) for answers in stored)


def _scores(entry: CandidateScores, predictions: Mapping[str, Predictions]) -> ImageScores:
    return ImageScores(np.array([predictions[entry.jobs[s]].right for s in sorted(entry.jobs)]))
