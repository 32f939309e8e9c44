"""Refuses a test part that says nothing of the networks that are tested on it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from compound.jobs.data.sources.dataset import Indices, Labels
from compound.schemas.errors import DataError

_COMPARED = 64
"""Images, evenly over a listing, whose bytes show whether two listings are the same."""
_NAMED = 5


class Images(Protocol):
    """Listed images with their labels."""

    @property
    def labels(self) -> Labels:
        """The label of every image, int64 (N,)."""
        ...

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield name and encoded bytes of the images at ascending indices."""
        ...


def check_one_test_part(fraction: float | None, where: str) -> None:
    """Raise DataError where a fraction is held out of a source that has its own test part."""
    if fraction is not None:
        raise DataError(
            f"the source has a test part of its own, and `test: {fraction:g}` holds out another",
            where=where,
            allowed="one of the two",
            next_step="leave out `test` of `data`, or take the test files out of the source",
        )


def check_own_test_part(test: Labels, trained: Labels, classes: Sequence[str], where: str) -> None:
    """Raise DataError: the part is empty, or has a class that training does not have.

    `test` and `trained` are the labels of all images, int64 (N,).
    """
    if not len(test):
        raise DataError(
            "the test part is empty", where=where, next_step="give it images, or leave it out"
        )
    _check_classes(test, trained, classes, where)


def check_apart(test: Images, parts: Sequence[tuple[str, Images]], where: str) -> None:
    """Raise DataError where the test part is one of these parts, which have their names."""
    for name, listing in parts:
        if _same(test, listing):
            raise DataError(
                f"the test part and the {name} part are the same {len(test.labels):,} images",
                where=where,
                allowed=f"images that are not used for {name}",
                next_step="check the paths; `test: 0.1` holds a tenth of all images out instead",
            )


def _check_classes(test: Labels, trained: Labels, classes: Sequence[str], where: str) -> None:
    unknown = np.setdiff1d(test, trained)
    if len(unknown):
        names = ", ".join(repr(classes[int(label)]) for label in unknown[:_NAMED])
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        images = int(np.isin(test, unknown).sum())
        raise DataError(
            f"{len(unknown)} of {len(classes)} classes have test images, {images:,} in all, and no "
            f"training images: {names}{more}",
            where=where,
            allowed="classes that are trained",
            next_step="add training images of these classes, or take their test images out",
        )


def _same(test: Images, listing: Images) -> bool:
    """Whether two listings have the same labels, and the same bytes in an even sample."""
    if not np.array_equal(test.labels, listing.labels):
        return False
    count = len(test.labels)
    sample = np.unique(np.linspace(0, count - 1, min(count, _COMPARED)).astype(np.int64))
    pairs = zip(test.images(sample), listing.images(sample), strict=True)
    return all(tested == listed for (_, tested), (_, listed) in pairs)
