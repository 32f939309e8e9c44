"""What the choice confuses, and which images are the hardest for all candidates."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.statistics.log_odds import Floats
from compound.schemas.verdict import ConfusedPair, HardImage, Mistakes

FEW_CLASSES = 12
"""Up to so many classes the whole matrix is kept."""
LISTED = 10
"""Confused pairs, and hard images."""


def mistakes(
    chosen: CandidateScores | None,
    entries: Sequence[CandidateScores],
    predictions: Mapping[str, Predictions],
    classes: Sequence[str],
) -> Mistakes | None:
    """Return the mistakes of a search; None where they are not known image by image."""
    if chosen is None or chosen.on_images is None:
        return None
    own = [predictions[job] for job in chosen.jobs.values()]
    every = [predictions[job] for entry in entries for job in entry.jobs.values()]
    few = len(classes) <= FEW_CLASSES
    return Mistakes(
        images=len(own[0].image),
        seeds=len(own),
        runs=len(every),
        matrix=tuple(map(tuple, confusion(own, len(classes)).tolist())) if few else (),
        pairs=confused_pairs(own, classes),
        hardest=hardest(every, classes),
    )


def confusion(seeds: Sequence[Predictions], classes: int) -> Floats:
    """Return images by label and predicted class, (classes, classes), the mean over the seeds."""
    counts = np.zeros((classes, classes))
    for seed in seeds:
        np.add.at(counts, (seed.label, seed.predicted), 1 / len(seeds))
    return counts


def confused_pairs(
    seeds: Sequence[Predictions], classes: Sequence[str]
) -> tuple[ConfusedPair, ...]:
    """Return the pairs of a label and a wrong class with the most images."""
    totals = np.bincount(seeds[0].label, minlength=len(classes))
    wrong = [np.stack([s.label[~s.right], s.predicted[~s.right]], axis=1) for s in seeds]
    pairs, counts = np.unique(np.concatenate(wrong), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:LISTED]
    return tuple(
        ConfusedPair(
            label=classes[label],
            predicted=classes[predicted],
            images=float(count / len(seeds)),
            share=float(count / len(seeds) / totals[label]),
        )
        for (label, predicted), count in zip(pairs[order], counts[order], strict=True)
    )


def hardest(runs: Sequence[Predictions], classes: Sequence[str]) -> tuple[HardImage, ...]:
    """Return the images that most runs get wrong; all runs are of the same images."""
    wrong = np.sum([~run.right for run in runs], axis=0)
    order = np.argsort(-wrong, kind="stable")[:LISTED]
    first = runs[0]
    return tuple(
        HardImage(
            image=int(first.image[i]),
            label=classes[first.label[i]],
            predicted=classes[_usual(np.array([run.predicted[i] for run in runs]), first.label[i])],
            wrong=int(wrong[i]),
        )
        for i in order
        if wrong[i] > 0
    )


def _usual(predicted: NDArray[np.int32], label: int) -> int:
    """Return the wrong class that is predicted most often."""
    return int(np.bincount(predicted[predicted != label]).argmax())
