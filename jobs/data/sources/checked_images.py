"""Decoding all images of a part to see which are bad; no pixels are kept."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compound.jobs.data.listing.reading_progress import progress
from compound.jobs.data.pixels.decode import BadImage, Form, decode, guarded
from compound.jobs.data.sources.catalogue import Part
from compound.jobs.data.sources.dataset import Hashes, Indices, Pixels


@dataclass(frozen=True)
class CheckedImages:
    """What decoding showed, for the images of a part in their order."""

    good: Indices
    """The positions of the images that can be decoded."""
    bad: tuple[str, ...]
    """Names of the others, with the reason."""
    hashes: Hashes
    """Of all images, (N,)."""


def checked(part: Part, form: Form, doing: str, see: Callable[[str, bytes], None]) -> CheckedImages:
    """Decode every image of a part.

    `doing` begins the line of progress on a terminal. `see` gets name and encoded bytes of every
    image that can be decoded, and may raise BadImage too.
    """
    good: list[int] = []
    bad: list[str] = []
    hashes = np.empty(len(part.indices), dtype=np.int64)
    images = progress(part.listing.images(part.indices), len(part.indices), doing)
    with guarded():
        for position, (name, data) in enumerate(images):
            # Python's own hash of bytes has 64 bits, and takes a tenth of the time of a SHA. It
            # differs from process to process, but the hashes of one ledger come from one.
            hashes[position] = hash(data)
            try:
                decode(data, form)
                see(name, data)
                good.append(position)
            except BadImage as error:
                bad.append(f"{name}: {error}")
    listed = part.listing.hashes
    return CheckedImages(
        np.array(good, dtype=np.int64),
        tuple(bad),
        hashes if listed is None else listed[part.indices],
    )


def pixels_of(part: Part, form: Form) -> tuple[Pixels, Indices, tuple[str, ...]]:
    """Return the pixels, the positions of their images in the part, and the images left out."""
    pixels = np.empty((len(part.indices), form.channels, form.size, form.size), dtype=np.uint8)
    good: list[int] = []
    bad: list[str] = []
    with guarded():
        for position, (name, data) in enumerate(part.listing.images(part.indices)):
            try:
                pixels[len(good)] = decode(data, form)
                good.append(position)
            except BadImage as error:
                bad.append(f"{name}: {error}")
    return pixels[: len(good)], np.array(good, dtype=np.int64), tuple(bad)
