"""The first images of each class as a network will see them, for a contact sheet."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from compound.jobs.data.images import centre, resize
from compound.jobs.data.pixels.decode import BadImage, decode, guarded
from compound.jobs.data.sources.dataset import Dataset, Indices, Labels, Pixels
from compound.jobs.data.sources.encoded import Choice

MOST_CLASSES = 120
"""Classes on one sheet. More are too many to look at."""
_MOST_IMAGES = 480


@dataclass(frozen=True)
class SheetClass:
    """A class and its first training images."""

    number: int
    """Counted from 0, as in labels."""
    name: str
    images: tuple[Pixels | None, ...]
    """uint8 (C, R, R); None: the image cannot be decoded."""
    count: int
    """All its training images."""


def sheet_classes(
    data: Dataset | Choice, resolution: int, central: float = 1.0
) -> tuple[SheetClass, ...]:
    """Return the first training images of each class, cropped and resized as for evaluation.

    Of more than MOST_CLASSES classes, as many are taken evenly. `central`: see `View`.
    """
    labels = data.train_labels if isinstance(data, Dataset) else data.train.labels
    positions = _first_positions(labels, len(data.info.classes))
    first_ones = np.sort(np.concatenate([*positions.values(), np.empty(0, dtype=np.int64)]))
    pixels = dict(zip(first_ones.tolist(), _pixels(data, first_ones), strict=True))
    counts = np.bincount(labels, minlength=len(data.info.classes))
    return tuple(
        SheetClass(
            number,
            data.info.classes[number],
            tuple(_seen(pixels[position], resolution, central) for position in few.tolist()),
            int(counts[number]),
        )
        for number, few in positions.items()
    )


def _first_positions(labels: Labels, classes: int) -> dict[int, Indices]:
    """Return the positions of the first few images of every class on the sheet."""
    numbers = np.unique(np.linspace(0, classes - 1, min(classes, MOST_CLASSES)).round().astype(int))
    per_class = min(8, max(4, _MOST_IMAGES // len(numbers)))
    by_class: defaultdict[int, list[int]] = defaultdict(list)
    for position in np.argsort(labels, kind="stable").tolist():
        few = by_class[int(labels[position])]
        if len(few) < per_class:
            few.append(position)
    return {int(n): np.array(by_class[int(n)], dtype=np.int64) for n in numbers}


def _pixels(data: Dataset | Choice, positions: Indices) -> list[Pixels | None]:
    if isinstance(data, Dataset):
        return list(data.train_images[positions])
    with guarded():
        encoded = data.train.listing.images(data.train.indices[positions])
        return [_decoded(image, data) for _, image in encoded]


def _decoded(image: bytes, choice: Choice) -> Pixels | None:
    try:
        # A copy: torch takes no array that cannot be written, as Pillow's are.
        return np.array(decode(image, choice.form), order="C")
    except BadImage:
        return None


def _seen(pixels: Pixels | None, resolution: int, central: float) -> Pixels | None:
    if pixels is None:
        return None
    cropped = centre(torch.from_numpy(pixels)[None], central)
    seen: Pixels = resize(cropped, resolution)[0].numpy()
    return seen
