"""A data set in memory, and the checks that every source has to pass."""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from compound.schemas.base import SCIENCE_VERSION
from compound.schemas.data import DataInfo, DataSpec
from compound.schemas.errors import DataError

Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.int64]
"""64 bits of each image's content: equal for equal images."""

MAX_CLASSES = 1_000_000
_ACCESS_FIELDS = frozenset(
    {
        *("path", "validation_path", "test_path", "image_root"),
        *("max_bad", "memory", "cache", "decoders"),
    }
)
"""Fields that say where the data is, how it is read or when it is refused: images do not differ."""
_TEST_FIELDS = frozenset({"test_path", "test_images"})
"""Fields of a test part of its own: training and validation images do not differ."""
HeldOut = Literal["validation", "test"]
"""The part that stands in the place of the validation images: another one only for the test."""


@dataclass(frozen=True)
class Dataset:
    """Images as uint8 (N, C, S, S) with int64 labels (N,), in two splits.

    The second is validation, except where a test part was asked for.
    """

    train_images: Pixels
    train_labels: Labels
    validation_images: Pixels
    validation_labels: Labels
    info: DataInfo


def fingerprint(spec: DataSpec, content: str, ignored: Collection[str] = ()) -> str:
    """Hash the content and the fields of a spec that decide what training sees.

    Defaults are left out, so that a new option keeps the identity of older data.
    """
    fields = spec.model_dump(
        mode="json", exclude_defaults=True, exclude={*_ACCESS_FIELDS, *_TEST_FIELDS, *ignored}
    )
    # Never change this text: it is part of the id of every stored job.
    text = json.dumps([SCIENCE_VERSION, fields, content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_labels(labels: Labels, classes: int, where: str) -> None:
    """Raise DataError when a label lies outside 0 to classes - 1; unused labels are fine."""
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        examples = ", ".join(str(label) for label in np.unique(outside)[:5])
        raise DataError(
            f"{len(outside):,} of {len(labels):,} labels are out of range: {examples}",
            where=where,
            allowed=f"labels from 0 to {classes - 1}",
            next_step="take a labelled split (-1 often means `no label`), or drop those rows",
        )


def check_splits(train: Labels, validation: Labels, classes: tuple[str, ...], where: str) -> None:
    """Raise DataError when a split is empty or all training images are of one class."""
    for name, labels in (("training", train), ("validation", validation)):
        if not len(labels):
            raise DataError(
                f"the {name} split is empty ({len(train):,} training and "
                f"{len(validation):,} validation images)",
                where=where,
                next_step="give it more images, or change `validation`, `limit` or the paths",
            )
    present = np.unique(train)
    if len(present) < 2:
        raise DataError(
            f"all {len(train):,} training images are of one class, {classes[int(present[0])]!r}",
            where=where,
            allowed="two classes or more",
            next_step="check the label column or the folders, or raise `limit`",
        )


def fits(images: int, channels: int, size: int) -> bool:
    """Return whether the decoded images take at most half of this machine's memory."""
    return images * channels * size * size <= _memory() // 2


def check_memory(images: int, channels: int, size: int, where: str) -> None:
    """Raise DataError when the decoded images would take more than half of the memory."""
    if not fits(images, channels, size):
        needed, present = images * channels * size * size, _memory()
        raise DataError(
            f"{images:,} images of {channels}x{size}x{size} take {needed / 2**30:.1f} GiB in "
            f"memory, and this machine has {present / 2**30:.1f} GiB",
            where=where,
            allowed=f"{present / 2**31:.1f} GiB, half of the memory",
            next_step="lower `size`, set `limit`, or let files be streamed with `memory: auto`",
        )


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
