"""Which images are used: by class and seed, independent of machine and time."""

from typing import NamedTuple

import numpy as np

from compound.jobs.data.sources.dataset import Indices, Labels
from compound.jobs.seeds import Purpose, derive
from compound.schemas.errors import DataError


def limited(labels: Labels, limit: int | None, seed: int) -> Indices:
    """Return the indices of `limit` images, ascending, taken in turn from every class.

    A class with too few images gives all of them, and the other classes give more. A larger limit
    only adds images.
    """
    if limit is None or limit >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    shuffled = _shuffled(len(labels), derive(Purpose.LIMIT, seed))
    rank = _rank_within_class(labels[shuffled])
    return np.sort(shuffled[np.argsort(rank, kind="stable")[:limit]])


class Parts(NamedTuple):
    """The indices of each part's images, ascending; no image is in two of them."""

    train: Indices
    validation: Indices
    test: Indices
    spared: int = 0
    """Images that stay for training, as the last ones of their class; others are held out."""


def parts(labels: Labels, validation: float | None, test: float | None, seed: int) -> Parts:
    """Divide a listing. The test part is taken first, so that no decision ever sees its images.

    `validation` and `test` are fractions of all images, of each class; None takes none. Without
    `test` the other two parts are those of `split`. A class keeps at least one image for training.

    Raises DataError: no image is left for training, or a part would be empty.
    """
    check_fractions(validation or 0.0, test or 0.0)
    rest = np.arange(len(labels), dtype=np.int64)
    tested, spared = rest[:0], 0
    if test is not None:
        held_out = round(test * len(labels))
        _check_size(held_out, len(labels), test)
        rest, tested, spared = _divided(labels, held_out, Purpose.TEST, seed)
        _check_divided(labels, len(tested), held_out, "test")
    if validation is None:
        return Parts(rest, rest[:0], tested, spared)
    held_out = round(validation * len(labels))
    train, evaluated, more = _divided(labels[rest], held_out, Purpose.SPLIT, seed)
    _check_divided(labels[rest], len(evaluated), held_out, "validation")
    return Parts(rest[train], rest[evaluated], tested, spared + more)


def check_fractions(validation: float, test: float) -> None:
    """Raise DataError when validation and test would take all images."""
    if validation + test >= 1:
        raise DataError(
            f"test ({test:g}) and validation ({validation:g}) take all images: none is left for "
            "training",
            where="data.test",
            allowed="a sum below 1: both are fractions of all images",
            next_step="compound plan SPEC --set data.test=0.1 --set data.validation=0.1",
        )


def _check_size(tested: int, images: int, test: float) -> None:
    if not tested:
        raise DataError(
            f"the test part would be empty: {test:g} of {images:,} images is less than half an "
            "image",
            where="data.test",
            next_step="raise `test`, or leave it out to do without a test part",
        )


def _check_divided(labels: Labels, size: int, held_out: int, part: str) -> None:
    """Raise DataError where nothing can be held out: training needs every image."""
    if held_out and not size and len(labels):
        classes = len(np.unique(labels))
        raise DataError(
            f"no image can be held out for the {part} part: {len(labels):,} images are of "
            f"{classes:,} classes, and training needs one of each",
            where=f"data.{part}",
            next_step="give the classes more images, or images of their own to this part",
        )


SPARED = " one image of each class trains"
"""Part of the hash of the content where this rule made other parts than those before it."""


def spared_notes(spared: int) -> tuple[str, ...]:
    """Say how many images stayed for training as the last ones of their class."""
    if not spared:
        return ()
    images = (
        "1 image that would be held out stays"
        if spared == 1
        else (f"{spared:,} images that would be held out stay")
    )
    return (f"{images} in training, which keeps one image of every class",)


def split(labels: Labels, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Return the indices of training and validation images, each class split by `fraction`."""
    return _divided(labels, round(fraction * len(labels)), Purpose.SPLIT, seed)[:2]


def _divided(
    labels: Labels, held_out: int, purpose: Purpose, seed: int
) -> tuple[Indices, Indices, int]:
    """Return the images that stay, and at most `held_out` ones, evenly by class, as indices.

    One image of every class stays. The number: how many would be held out without this rule.
    """
    shuffled = _shuffled(len(labels), derive(purpose, seed))
    ordered = labels[shuffled]
    sizes = np.bincount(ordered)
    ranks = _rank_within_class(ordered)
    quantile = (ranks + 0.5) / sizes[ordered]
    is_last = ranks == sizes[ordered] - 1
    spared = int(is_last[np.argsort(quantile, kind="stable")[:held_out]].sum())
    by_quantile = shuffled[np.lexsort((quantile, is_last))]
    held_out = min(held_out, int((~is_last).sum()))
    return np.sort(by_quantile[held_out:]), np.sort(by_quantile[:held_out]), spared


def _shuffled(count: int, seed: int) -> Indices:
    return np.random.default_rng(seed).permutation(count).astype(np.int64)


def _rank_within_class(labels: Labels) -> Indices:
    """Return for each image how many of its class come before it."""
    grouped = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))])[:-1]
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[grouped] = np.arange(len(labels)) - starts[labels[grouped]]
    return ranks
