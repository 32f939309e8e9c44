"""Images of unusual pixels, by the sentence that docs/data.md has for each data set of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from compound.schemas.data import DataSpec
from tests.support.image_files import encoded, folder
from tests.support.pictures import tiff


def _filled(value: float, kind: str) -> bytes:
    return tiff(np.full((8, 8), value, kind))


PICTURES: dict[str, Callable[[int], bytes]] = {
    "colour": encoded,
    "grey": lambda number: encoded(number, mode="L"),
    "inverted": lambda number: tiff(np.full((8, 8), 60_000 + number, "u2"), white_is_zero=True),
    "whole32": lambda number: _filled(4_000_000_000 + number, "u4"),
}
"""By a word of a layout: an image of a number."""

PIXELS: dict[str, str] = {
    "TIFF of 16 bits whose 0 is white": "inverted:40",
    "TIFF of 32 bits without a sign": "whole32:40",
}
"""`word:N` are N images of a kind, of `cat` and `dog` in turn; `key=value` are keys of the spec."""


def pixels_of(root: Path, layout: str) -> DataSpec:
    """Write images as files, and return their spec."""
    words = [word for word in layout.split() if ":" in word]
    fields = dict(word.split("=") for word in layout.split() if "=" in word)
    number = 0
    for word in words:
        kind, _, count = word.partition(":")
        for _ in range(int(count)):
            path = root / "train" / ("cat", "dog")[number % 2] / f"{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(PICTURES[kind](number))
            number += 1
    numbers = {key: int(value) if value.isdigit() else value for key, value in fields.items()}
    return folder(str(root), max_bad=0.05, **numbers)
