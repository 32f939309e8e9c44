"""The names of what is measured, each written once."""

ACCURACY = "validation_accuracy"
"""A fraction of 1: right answers over images of the validation part."""
SPEED = "images_per_second"
"""Training images over the seconds of an epoch's training steps, all workers together."""
SECONDS = "seconds"
"""The time of an epoch, training and validation."""
