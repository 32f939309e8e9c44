"""The names of what is measured, each written once."""

from typing import Annotated

from pydantic import AfterValidator

ACCURACY = "validation_accuracy"
"""A fraction of 1: right answers over images of the validation part."""
TEST_ACCURACY, TEST_LOSS, TEST_IMAGES = "test_accuracy", "test_loss", "test_images"
"""What an evaluation on the test part returns: a fraction of 1, the mean loss of an image, and the
number of evaluated images. No row of a job has them."""
SPEED = "images_per_second"
"""Training images over the seconds of an epoch's training steps, all workers together."""
SECONDS = "seconds"
"""The time of an epoch, training and validation."""


def limited(accuracy: float) -> float:
    """Return the accuracy in [0, 1] that is nearest to an extrapolated one."""
    return min(max(accuracy, 0.0), 1.0)


Accuracy = Annotated[float, AfterValidator(limited)]
"""A predicted accuracy, or an end of its interval. An extrapolation may leave [0, 1],
no network can: the nearest end is closer to the truth, and an interval keeps its level without what
lies outside. Documents of older studies are limited when they are read."""
