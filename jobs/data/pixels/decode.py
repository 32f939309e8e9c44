"""Decoding images to pixels as a viewer shows them: upright, opaque, 8 bits, grey or RGB."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from compound.jobs.data.listing.image_file import BadImage, guarded, opened
from compound.jobs.data.pixels.eight_bits import HIGH_BYTE, eight_bits
from compound.jobs.data.pixels.image_header import drawn_area, orientation_of

try:
    import simplejpeg
except ImportError:  # an optional package: the same pixels, a little faster
    simplejpeg = None

__all__ = ["BadImage", "Form", "decode", "guarded"]

Pixels = npt.NDArray[np.uint8]

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Form:
    """The form of every decoded image of a data set: uint8 (channels, size, size)."""

    channels: int
    size: int
    exact: bool = True
    """Whether all sampled images have this size already, so that none is resized."""
    background: tuple[int, int, int] = WHITE
    """The colour behind transparent pixels, RGB."""
    step: float = HIGH_BYTE
    """The values of a grey image of more than 8 bits that become one level of 255."""


def decode(data: bytes, form: Form) -> Pixels:
    """Decode to (channels, size, size), centre cropped to a square. BadImage: it is broken."""
    with opened(data) as image:
        square = _square(_upright(image, data, form))
        if len(square) == form.size:
            return square.transpose(2, 0, 1)
        return _resized(square, form.size)


def _upright(image: Image.Image, data: bytes, form: Form) -> Pixels:
    """Decode to (H, W, C), at least twice the final size where the image has it."""
    pixels = _pixels(image, data, form)
    # After decoding: Pillow then has all tags, and has turned a TIFF.
    orientation = orientation_of(image)
    if orientation == 1:
        return pixels
    if orientation > 4:
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return pixels[::rows, ::columns]


def _pixels(image: Image.Image, data: bytes, form: Form) -> Pixels:
    size = image.size
    # libjpeg can decode at 1/2, 1/4 or 1/8 of the size, several times as fast. Twice the final size
    # is enough detail for an antialiased resize. Other formats ignore the call. Not "L": libjpeg's
    # grey of a colour image is not Pillow's.
    image.draft("RGB", (2 * form.size, 2 * form.size))
    whole_jpeg = image.format in ("JPEG", "MPO") and image.size == size
    if whole_jpeg and image.mode == "RGB" and form.channels == 3:
        fast = _decode_jpeg(data)
        if fast is not None:
            return fast
    flat = _flat(image, data, form)
    return np.asarray(flat).reshape(flat.height, flat.width, form.channels)


def _decode_jpeg(data: bytes) -> Pixels | None:
    """Decode a JPEG with simplejpeg to Pillow's pixels; None without it, or where it refuses."""
    if simplejpeg is None:
        return None
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data)
    except ValueError:  # Pillow accepts some files that simplejpeg refuses
        return None
    return pixels


def _flat(image: Image.Image, data: bytes, form: Form) -> Image.Image:
    """Return 8 bits of grey or RGB, transparent pixels on the background."""
    mode = "L" if form.channels == 1 else "RGB"
    area = drawn_area(image)
    image.load()
    if image.mode.startswith(("I", "F")):
        shallow = eight_bits(image, form.step)
    else:
        shallow = _with_scaled_key(image, data)
    if area:
        shallow = _drawn_alone(shallow, area)
    if not shallow.has_transparency_data or _is_unused_alpha(shallow, image.format):
        return shallow.convert(mode)
    canvas = Image.new("RGBA", shallow.size, (*form.background, 255))
    canvas.alpha_composite(shallow.convert("RGBA"))
    return canvas.convert(mode)


def _with_scaled_key(image: Image.Image, data: bytes) -> Image.Image:
    """Scale a PNG's transparent colour to 8 bits, as Pillow does with the pixels alone."""
    key = image.info.get("transparency")
    depth = data[24] if image.format == "PNG" else 8
    if isinstance(key, int) and image.mode == "L" and depth < 8:
        image.info["transparency"] = key * 255 // (2**depth - 1)
    if isinstance(key, tuple) and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def _drawn_alone(image: Image.Image, area: tuple[int, int, int, int]) -> Image.Image:
    """Return an image that is transparent outside of an area."""
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.convert("RGBA").crop(area), area)
    return canvas


def _is_unused_alpha(image: Image.Image, kind: str | None) -> bool:
    # Many programs leave the fourth byte of a BMP at 0, and all viewers show such an image opaque.
    return kind == "BMP" and image.mode == "RGBA" and image.getchannel("A").getbbox() is None


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

    # A copy in this order of memory: torch takes no turned view, and is quickest with this.
    images = torch.from_numpy(np.array(pixels, order="C")).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        images, size=(size, size), mode="bicubic", antialias=True
    )
    return resized[0].numpy()
