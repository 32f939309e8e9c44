"""From an encoded image to pixels, with a decoder that is kept on a short lead."""

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jobs.data.dataset import Pixels

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_IMAGE_PIXELS = 2**26
"""8,192 x 8,192: what lies above is taken for an attack, and never decoded."""
_GREY = ("1", "L", "LA")


class BadImage(Exception):
    """An image that cannot be decoded, with the reason."""


@dataclass(frozen=True)
class Form:
    """What every decoded image of a data set looks like: uint8 (channels, size, size)."""

    channels: int
    size: int


@contextmanager
def guarded() -> Iterator[None]:
    """Make Pillow's warning about decompression bombs an error while images are decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(data: bytes, form: Form) -> Pixels:
    """Decode to (channels, size, size), centre cropped to a square. BadImage: it cannot be."""
    with _opened(data) as image:
        mode, square = "L" if form.channels == 1 else "RGB", (form.size, form.size)
        image.draft(mode, (2 * form.size, 2 * form.size))  # JPEG: skips detail that goes anyway
        pixels = _plain(image).convert(mode)
        if pixels.size != square:
            pixels = ImageOps.fit(pixels, square, Image.Resampling.BICUBIC)
        array = np.asarray(pixels, dtype=np.uint8).reshape(form.size, form.size, form.channels)
        return array.transpose(2, 0, 1)


def common_form(samples: Iterable[bytes], largest: int | None) -> Form | None:
    """Return the form that fits a few images, from their headers; None if all are bad.

    Colour if one of them has any; the most frequent shorter side, at most `largest`.
    """
    grey, sides = True, []
    for data in samples:
        try:
            with _opened(data) as image:
                grey = grey and (image.mode in _GREY or image.mode.startswith("I"))
                sides.append(min(image.size))
        except BadImage:
            continue
    if not sides:
        return None
    side = max(sides, key=lambda value: (sides.count(value), value))
    return Form(1 if grey else 3, min(side, largest) if largest else side)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    if not data:
        raise BadImage("0 bytes")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                raise BadImage(f"{image.width} x {image.height} pixels are too many")
            yield image
    except BadImage:
        raise
    except UnidentifiedImageError:
        raise BadImage(f"not one of {', '.join(FORMATS)}") from None
    except Exception as error:  # decoders raise anything on broken input
        raise BadImage(_reason(error)) from error


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _plain(image: Image.Image) -> Image.Image:
    """Bring 16-bit grey to 8 bits by its high byte; Pillow would clip it."""
    if not image.mode.startswith("I"):
        return image
    high = np.asarray(image).astype(np.uint32) >> 8
    return Image.fromarray(high.clip(0, 255).astype(np.uint8))
