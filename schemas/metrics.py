"""The names of what is measured, each written once."""

ACCURACY = "validation_accuracy"
"""A fraction of 1: right answers over images of the validation part."""
TEST_ACCURACY, TEST_LOSS, TEST_IMAGES = "test_accuracy", "test_loss", "test_images"
"""What an evaluation on the test part returns: a fraction of 1, the mean loss of an image, and the
number of evaluated images. No row of a job has them."""
SPEED = "images_per_second"
"""Training images over the seconds of an epoch's training steps, all workers together."""
SECONDS = "seconds"
"""The time of an epoch, training and validation."""
