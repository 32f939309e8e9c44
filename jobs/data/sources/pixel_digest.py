"""A hash of decoded pixels and class names, however the files are stored."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from compound.jobs.data.pixels.decode import BadImage, Form, decode, guarded
from compound.jobs.data.sources.catalogue import Part
from compound.jobs.data.sources.dataset import Labels, Pixels


def pixel_digest(parts: Iterable[Part], form: Form, classes: tuple[str, ...]) -> str:
    """Return 16 hex digits that depend on the pixels and class names of all images of the parts.

    Neither files nor their order nor the split count: the same photographs as a folder and as
    Parquet have the same digest. Broken images are left out. It decodes every image.
    """
    images: list[bytes] = []
    with guarded():
        for part in parts:
            named = zip(part.labels.tolist(), part.listing.images(part.indices), strict=True)
            images += (_digest(data, form, classes[label]) for label, (_, data) in named)
    return _total(images, form.channels, form.size)


def array_digest(parts: Sequence[tuple[Pixels, Labels]], classes: tuple[str, ...]) -> str:
    """Return the same of images that are arrays: uint8 (N, C, S, S) with labels (N,), by part.

    The same photographs as files have the same digest, if their classes have the same names.
    """
    images = [
        _of_image(image, classes[label])
        for pixels, labels in parts
        for image, label in zip(pixels, labels.tolist(), strict=True)
    ]
    _, channels, size, _ = parts[0][0].shape
    return _total(images, channels, size)


def _total(images: list[bytes], channels: int, size: int) -> str:
    total = hashlib.sha256(f"{channels} {size}".encode())
    for digest in sorted(images):
        total.update(digest)
    return total.hexdigest()[:16]


def _digest(data: bytes, form: Form, name: str) -> bytes:
    try:
        return _of_image(np.ascontiguousarray(decode(data, form)), name)
    except BadImage:
        return b""


def _of_image(pixels: Pixels, name: str) -> bytes:
    # Names of folders on Linux are bytes, which need not be valid UTF-8.
    text = name.encode("utf-8", "surrogateescape")
    return hashlib.sha256(text + b"\0" + pixels.tobytes()).digest()
