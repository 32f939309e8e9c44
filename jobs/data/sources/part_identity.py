"""The identity of a test part: a hash that changes when one of its images or labels does."""

import hashlib

import numpy as np

from compound.jobs.data.sources.catalogue import Catalogue
from compound.jobs.data.sources.dataset import Dataset, Labels
from compound.jobs.data.sources.encoded import Choice
from compound.schemas.final_evaluation import EvaluatedPart


def pixels_part(dataset: Dataset) -> EvaluatedPart:
    """Describe a test part in memory, which stands in the place of validation."""
    pixels = hashlib.sha256(dataset.validation_images.tobytes()).hexdigest()
    return _part(pixels, dataset.validation_labels, len(dataset.info.classes))


def encoded_part(choice: Choice, catalogue: Catalogue) -> EvaluatedPart:
    """Describe the test part of encoded images by what was listed; none is read.

    One that was held out is a part of the training data, whose fingerprint has its fraction.
    """
    assert choice.test is not None, "there is a test part"
    listed = catalogue.test_content if catalogue.test else choice.info.fingerprint
    left_out = choice.info.undecodable.test if choice.info.undecodable else ()
    content = f"{listed} without {left_out}" if left_out else listed
    return _part(content, choice.test.labels, len(choice.info.classes))


def _part(images: str, labels: Labels, classes: int) -> EvaluatedPart:
    hashed = hashlib.sha256(labels.tobytes() + images.encode()).hexdigest()
    counts = np.bincount(labels, minlength=classes)
    return EvaluatedPart(
        images=len(labels), content=hashed[:16], class_counts=tuple(counts.tolist())
    )
