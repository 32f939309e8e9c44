"""Images of unusual pixels, by the sentence that docs/reference/data.md has for each of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from compound.schemas.data import DataSpec
from tests.support.image_files import encoded, folder
from tests.support.pictures import camera_raw, encode, picture, small_gif, tiff


def _filled(value: float, kind: str) -> bytes:
    return tiff(np.full((8, 8), value, kind))


def _random(seed: int, end: int, kind: str) -> bytes:
    return tiff(np.random.default_rng(seed).integers(0, end, (8, 8)).astype(kind))


PICTURES: dict[str, Callable[[int], bytes]] = {
    "colour": encoded,
    "turned": lambda number: encode(picture("RGB", number), "JPEG", 6),
    "raw": camera_raw,
    "grey": lambda number: encoded(number, mode="L"),
    "framed": lambda number: small_gif((number % 4, number // 4 % 4)),
    "inverted": lambda number: tiff(np.full((8, 8), 60_000 + number, "u2"), white_is_zero=True),
    "deep8": lambda number: _random(number, 256, "u2"),
    "colour12": lambda number: b"P6 1 1 65535\n" + bytes((8, number, 15, 0, 3, 1)),
    "deep12": lambda number: _random(number, 4096, "u2"),
    "deep14": lambda number: _random(number, 16384, "u2"),
    "deep16": lambda number: _random(number, 65536, "u2"),
    "fractions": lambda number: _filled(number / 10_000, "f4"),
    "overshot": lambda number: _filled(1 + number / 10_000, "f4"),
    "missing": lambda _: _filled(3.4e38, "f4"),
    "holes": lambda number: _filled(float("nan") if number % 4 else number / 100, "f4"),
    "signed": lambda number: _filled(number - 20, "i2"),
    "whole32": lambda number: _filled(4_000_000_000 + number, "u4"),
}
"""By a word of a layout: an image of a number."""

PIXELS: dict[str, str] = {
    "orientation tags, in the test part too": "turned:40 test=0.2",
    "camera RAW with the suffix of an image": "colour:39 raw:1",
    "a GIF that is smaller than its canvas": "framed:40",
    "TIFF of 16 bits whose 0 is white": "inverted:40",
    "TIFF of 32 bits without a sign": "whole32:40",
    "a colour image beyond the 256 that are sampled": "grey:306 colour:2 grey:492",
    "the same with `channels: 3`": "grey:306 colour:2 grey:492 channels=3",
    "the same with `channels: 1`": "grey:306 colour:2 grey:492 channels=1",
    "images of 16 bits beyond the sample, of 12 else": "deep12:306 deep16:2 deep12:492",
    "images of 14 bits beyond the sample, of 12 else": "deep12:306 deep14:2 deep12:492",
    "the same with `white: 4095`": "deep12:306 deep14:2 deep12:492 white=4095",
    "images of 12 bits beyond the sample, of 8 else": "grey:306 deep12:2 grey:492",
    "one image of 16 bits among many of 12": "deep12:39 deep16:1",
    "one image of floating point among whole numbers": "deep16:39 missing:1",
    "fractions and one missing value": "fractions:39 missing:1",
    "fractions a little above 1": "fractions:20 overshot:20",
    "four images of 16 bits among 36 of 8 in 16": "deep8:36 deep16:4",
    "fractions that are not numbers": "holes:40",
    "colour of 12 bits in 16": "colour12:40",
    "numbers below 0": "signed:40",
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
