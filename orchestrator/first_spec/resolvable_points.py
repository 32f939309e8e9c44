"""Which differences of accuracy a study will see, before it runs, in points."""

from math import sqrt

from compound.orchestrator.statistics.power import resolvable

DISAGREEMENT = 0.4
"""Validation images, as a part of all, that one of two seeds of a network has right and the other
wrong. The variance of their difference is this over the number of images (McNemar 1947). Measured:
0.34 on Fashion-MNIST at 8 pixels (noise 1.3 points, 1,000 images), 0.44 on CIFAR-10 at 14 pixels
(0.66 points, 5,000 images)."""


def noise(validation: int) -> float:
    """Return the expected deviation of one accuracy between seeds, as a fraction of 1."""
    return sqrt(DISAGREEMENT / (2 * validation))


def smallest_difference(seeds: int, networks: int, level: float, validation: int) -> float | None:
    """Return the smallest difference that a study of this size sees; None: it sees none."""
    multiple = resolvable(seeds, networks, level)
    return None if multiple is None else min(1.0, multiple * noise(validation))
