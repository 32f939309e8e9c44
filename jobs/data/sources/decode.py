"""Decoding images to pixels, by a decoder that is limited in formats and in size."""

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from compound.jobs.data.sources.dataset import Pixels

try:
    import simplejpeg
except ImportError:  # an optional package: the same pixels, a little faster
    simplejpeg = None

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_IMAGE_PIXELS = 2**26
"""8,192 x 8,192. A larger image is rejected as a decompression bomb and never decoded."""
_GREY = ("1", "L", "LA")


class BadImage(Exception):
    """An image that cannot be decoded, with the reason."""


@dataclass(frozen=True)
class Form:
    """The form of every decoded image of a data set: uint8 (channels, size, size)."""

    channels: int
    size: int
    exact: bool = True
    """Whether all sampled images have this size already, so that none is resized."""


@contextmanager
def guarded() -> Iterator[None]:
    """Make Pillow's warning about decompression bombs an error while images are decoded."""
    # Pillow warns above its MAX_IMAGE_PIXELS, and raises only above twice as many.
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(data: bytes, form: Form) -> Pixels:
    """Decode to (channels, size, size), centre cropped to a square. BadImage: it is broken."""
    with _opened(data) as image:
        square = _square(_pixels(image, data, form))
        if len(square) == form.size:
            return square.transpose(2, 0, 1)
        return _resized(square, form.size)


def _pixels(image: Image.Image, data: bytes, form: Form) -> Pixels:
    """Decode to (H, W, C), at least twice the final size where the image has it."""
    mode, size = "L" if form.channels == 1 else "RGB", image.size
    # libjpeg can decode at 1/2, 1/4 or 1/8 of the size, several times as fast. Twice the final size
    # is enough detail for an antialiased resize. Other formats ignore the call.
    image.draft(mode, (2 * form.size, 2 * form.size))
    if image.format == "JPEG" and image.mode == mode == "RGB" and image.size == size:
        fast = _decode_jpeg(data)
        if fast is not None:
            return fast
    pixels = _eight_bit(image).convert(mode)
    return np.asarray(pixels).reshape(pixels.height, pixels.width, form.channels)


def _decode_jpeg(data: bytes) -> Pixels | None:
    """Decode a JPEG with simplejpeg to Pillow's pixels; None without it, or where it refuses."""
    if simplejpeg is None:
        return None
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data)
    except ValueError:  # Pillow accepts some files that simplejpeg refuses
        return None
    return pixels


def _square(pixels: Pixels) -> Pixels:
    """Crop (H, W, C) to its centre, as wide as high."""
    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def _resized(pixels: Pixels, size: int) -> Pixels:
    """Resize (S, S, C) to (C, size, size) by antialiased bicubic: Pillow's numbers, 4x as fast."""
    # Imported here: torch takes seconds to load, and planning resizes nothing.
    import torch

    images = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        images, size=(size, size), mode="bicubic", antialias=True
    )
    return resized[0].numpy()


def common_form(samples: Iterable[bytes], largest: int | None) -> Form | None:
    """Return the form that fits a few images, from their headers; None if all are bad.

    Colour if one of them has any; the most frequent shorter side, at most `largest`.
    """
    grey, sizes = True, []
    for data in samples:
        try:
            with _opened(data) as image:
                grey = grey and (image.mode in _GREY or image.mode.startswith("I"))
                sizes.append(image.size)
        except BadImage:
            continue
    if not sizes:
        return None
    sides = [min(size) for size in sizes]
    side = max(sides, key=lambda value: (sides.count(value), value))
    side = min(side, largest) if largest else side
    return Form(1 if grey else 3, side, exact=set(sizes) == {(side, side)})


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


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as 8 bits by its high byte."""
    # Pillow's own conversion to "L" clips values above 255 instead of scaling them.
    if not image.mode.startswith("I"):
        return image
    high = np.asarray(image).astype(np.uint32) >> 8
    return Image.fromarray(high.clip(0, 255).astype(np.uint8))
