"""Accuracies on the scale of log odds, where no interval leaves 0 to 1.

The noise of an accuracy shrinks towards both ends of its range, and so does what compute can gain;
on log odds both are nearly even (Warton and Hui, Ecology 92:3, 2011).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


def log_odds(accuracies: ArrayLike, images: int) -> Floats:
    """Return log(p / (1 - p)); an accuracy of 0 or 1 counts as half an image from it."""
    half = 0.5 / images
    odds: Floats = special.logit(np.clip(np.asarray(accuracies, dtype=np.float64), half, 1 - half))
    return odds


def accuracy(odds: ArrayLike) -> Floats:
    """Return accuracies, strictly between 0 and 1 where the log odds are finite."""
    value: Floats = special.expit(np.asarray(odds, dtype=np.float64))
    return value


def unclipped(accuracies: ArrayLike, images: int) -> Floats:
    """Return accuracies that were means of clipped log odds: within half an image of an end, that.

    So where every score is 0, or 1, their mean is that too, and not half an image away.
    """
    values, half = np.asarray(accuracies, dtype=np.float64), 0.5 / images
    near = half * (1 + 1e-9)
    ends: Floats = np.where(values <= near, 0.0, np.where(values >= 1 - near, 1.0, values))
    return ends


def rounding_variance(odds: Floats, images: int) -> Floats:
    """Return the variance of rounding to whole images, on log odds at these means."""
    slope = accuracy(odds) * (1 - accuracy(odds))
    variance: Floats = 1 / (12 * np.square(images * np.maximum(slope, 0.5 / images)))
    return variance
