"""How large a first study is: everything that its time depends on, and the largest that fits.

It grows step by step, in turn: a longer schedule, a larger network, more networks and seeds. So no
part takes all of the time. What a step costs is for a forecast to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from compound.orchestrator.first_spec.first_network import FirstNetwork

LEAST_STEPS = 200
"""Steps of the optimiser that a schedule has at least: below, rates hardly differ."""
_MOST_STEPS, _MOST_EPOCHS = 20_000, 100
_LEAST_EPOCHS = 4
_FIRST_IMAGES, _FIRST_OF_CLASS = 2_000, 20
"""Training images that a study begins with, of more: in all, and of each class."""
_VALIDATION = 1_000
"""Validation images that are used at most, where as few train."""
_LONGER = 1.3
_BATCHES = ((1_000, 32), (5_000, 64), (50_000, 128))
"""Up to so many training images, the images of a step."""
_LARGE_BATCH = 256
_SEARCHES = ((2, 3), (3, 3), (4, 3), (4, 4), (4, 6), (4, 8), (5, 10), (6, 12))
"""Degree of the lattice and seeds."""
_FAMILIES = (((1.0, 2.0), 1), ((1.0, 2.0), 2), ((1.0, 2.0, 3.0), 2), ((1.0, 2.0, 3.0), 3))
"""Phi and seeds of the family, from the first search on."""


class Available(NamedTuple):
    """What there is to choose from."""

    networks: Sequence[FirstNetwork]
    """Smallest first."""
    train: int
    validation: int
    classes: int = 2

    @property
    def least(self) -> int:
        """Training images that a study begins with."""
        return min(self.train, max(_FIRST_IMAGES, _FIRST_OF_CLASS * self.classes))


@dataclass(frozen=True)
class StudySize:
    """What the time of a study depends on."""

    network: FirstNetwork
    images: int
    """Training images that are used."""
    validation: int
    epochs: int
    rank: int = 0
    """Which of the searches, from the smallest on."""

    @property
    def degree(self) -> int:
        """Of the simplex lattice."""
        return _SEARCHES[self.rank][0]

    @property
    def seeds(self) -> int:
        """Of each network in the search."""
        return _SEARCHES[self.rank][1]

    @property
    def phis(self) -> tuple[float, ...]:
        """Of the family."""
        return self._family[0]

    @property
    def family_seeds(self) -> int:
        """Of each network in the family."""
        return self._family[1]

    @property
    def _family(self) -> tuple[tuple[float, ...], int]:
        return _FAMILIES[min(self.rank, len(_FAMILIES) - 1)]

    @property
    def batch(self) -> int:
        """Images of an optimiser step."""
        return batch_of(self.images)

    @property
    def steps(self) -> int:
        """Optimiser steps of one training."""
        return steps_of(self.images, self.epochs)


def batch_of(images: int) -> int:
    """Return the images of a step: few where there are few, so that there are enough steps."""
    return next((batch for most, batch in _BATCHES if images <= most), _LARGE_BATCH)


def steps_of(images: int, epochs: int) -> int:
    """Return the steps of one training; a batch that is not full is left out."""
    return epochs * max(1, images // batch_of(images))


def smallest(available: Available) -> StudySize:
    """Return the smallest study that may say anything."""
    images = available.least
    epochs = -(-LEAST_STEPS // steps_of(images, 1))
    return StudySize(
        network=available.networks[0],
        images=images,
        validation=_held_out(available, images),
        epochs=max(_LEAST_EPOCHS, epochs),
    )


def largest_within(
    seconds: float, available: Available, takes: Callable[[StudySize], float]
) -> StudySize:
    """Return the largest study that takes at most so many seconds, by a forecast `takes`.

    Where the smallest takes longer, it is the smallest.
    """
    chosen, stopped = smallest(available), set[int]()
    grows = (_longer, _larger, _finer)
    while len(stopped) < len(grows):
        for number, grow in enumerate(grows):
            if number in stopped:
                continue
            grown = grow(chosen, available)
            if grown is None or takes(grown) > seconds:
                stopped.add(number)
            else:
                chosen = grown
    return chosen


def _longer(size: StudySize, available: Available) -> StudySize | None:
    """Use more images, or where all are used train on them for more epochs."""
    if size.images < available.train:
        images = min(available.train, _rounded(_LONGER * size.images))
        epochs = max(_LEAST_EPOCHS, -(-LEAST_STEPS // steps_of(images, 1)))
        return replace(size, images=images, validation=_held_out(available, images), epochs=epochs)
    epochs = max(size.epochs + 1, int(_LONGER * size.epochs))
    longest = max(_MOST_EPOCHS, -(-2 * LEAST_STEPS // steps_of(size.images, 1)))
    if epochs > longest or steps_of(size.images, epochs) > _MOST_STEPS:
        return None
    return replace(size, epochs=epochs)


def _larger(size: StudySize, available: Available) -> StudySize | None:
    position = available.networks.index(size.network) + 1
    if position == len(available.networks):
        return None
    return replace(size, network=available.networks[position])


def _finer(size: StudySize, available: Available) -> StudySize | None:
    return replace(size, rank=size.rank + 1) if size.rank + 1 < len(_SEARCHES) else None


def _held_out(available: Available, images: int) -> int:
    return min(available.validation, max(_VALIDATION, images))


def _rounded(images: float) -> int:
    """Return a number of images with two digits, and zeros."""
    unit: int = 10 ** max(0, len(str(int(images))) - 2)
    return int(images / unit) * unit
