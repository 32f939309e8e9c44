"""A hash of decoded pixels and class names, however the files are stored."""

import hashlib
from collections.abc import Iterable

import numpy as np

from compound.jobs.data.pixels.decode import BadImage, Form, decode, guarded
from compound.jobs.data.sources.catalogue import Part


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
    total = hashlib.sha256(f"{form.channels} {form.size}".encode())
    for digest in sorted(images):
        total.update(digest)
    return total.hexdigest()[:16]


def _digest(data: bytes, form: Form, name: str) -> bytes:
    try:
        pixels = np.ascontiguousarray(decode(data, form))
    except BadImage:
        return b""
    # Names of folders on Linux are bytes, which need not be valid UTF-8.
    text = name.encode("utf-8", "surrogateescape")
    return hashlib.sha256(text + b"\0" + pixels.tobytes()).digest()
