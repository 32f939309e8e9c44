"""The names of what is measured, each written once."""

ACCURACY = "validation_accuracy"
"""A fraction of 1: right answers over images of the validation part."""
