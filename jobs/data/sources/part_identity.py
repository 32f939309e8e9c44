"""The identity of a test part: a hash of its labels and images, in their order."""

import hashlib

import numpy as np

from compound.jobs.data.sources.dataset import Dataset, Labels
from compound.jobs.data.sources.decode import guarded
from compound.jobs.data.sources.encoded import Choice
from compound.schemas.final_evaluation import EvaluatedPart


def pixels_part(dataset: Dataset) -> EvaluatedPart:
    """Describe a test part in memory, which stands in the place of validation."""
    hashed = hashlib.sha256(dataset.validation_labels.tobytes())
    hashed.update(dataset.validation_images.tobytes())
    return _part(hashed.hexdigest(), dataset.validation_labels, len(dataset.info.classes))


def encoded_part(choice: Choice) -> EvaluatedPart:
    """Describe the test part of encoded images by their bytes, whatever becomes of their pixels."""
    assert choice.test is not None, "there is a test part"
    labels = choice.test.labels
    hashed = hashlib.sha256(labels.tobytes())
    with guarded():
        for _, data in choice.test.listing.images(choice.test.indices):
            hashed.update(hashlib.sha256(data).digest())
    return _part(hashed.hexdigest(), labels, len(choice.info.classes))


def _part(content: str, labels: Labels, classes: int) -> EvaluatedPart:
    counts = np.bincount(labels, minlength=classes)
    return EvaluatedPart(
        images=len(labels), content=content[:16], class_counts=tuple(counts.tolist())
    )
