"""Grey images of more than 8 bits, at 8 bits: by one scale for a whole data set.

A scale of its own for each image would make dark images bright, and classes that differ in
brightness alike. So the scale comes from the brightest of a sample of all images.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from compound.jobs.data.listing.image_file import BadImage

Values = npt.NDArray[Any]

HIGH_BYTE = 256.0
"""The scale of images that use all 16 bits: their high byte is taken."""
_UNIT = 1 / 255
_OVERSHOT = 2
_BIT_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
"""The depths that cameras and scanners have."""
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
"""Numbers of TIFF 6.0's tags."""
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


Correction = Literal["", "inverted", "unsigned"]
"""What `values_of` does: turns values where 0 is white, or reads 32 bits without a sign."""


def values_of(image: Image.Image) -> Values:
    """Return the values of an image of mode I, I;16 or F as its file means them, (H, W).

    What is no finite number becomes 0. BadImage: 0 is white, and no tag says which number is black.
    """
    values: Values = np.nan_to_num(_corrected(image, np.asarray(image)), posinf=0, neginf=0)
    return values


def step_for(brightest: float, floating: bool) -> float:
    """Return the values that become one level of 255, for data up to `brightest`.

    Numbers with a fraction (`floating`) up to 1 are taken as shares of white, as is usual; so are
    those that a resampling has made a little larger. Otherwise the fewest bits of a usual depth
    are taken that hold the brightest value.
    """
    if floating and brightest < _OVERSHOT:
        return _UNIT
    bits = next((bits for bits in _BIT_DEPTHS if brightest < 2**bits), _BIT_DEPTHS[-1])
    return float(2 ** (bits - 8))


def step_to(white: float) -> float:
    """Return the values that become one level of 255 where a value is white."""
    return white / 255 if white < 255 else (white + 1) / 256


def white_of(step: float) -> float:
    """Return the value that is white: the inverse of `step_to`."""
    return step * 255 if step < 1 else step * 256 - 1


def eight_bits(image: Image.Image, step: float) -> Image.Image:
    """Return an image of mode I, I;16 or F as L, or LA where it has a transparent value."""
    values = values_of(image)
    levels = values / step + 0.5 if step < 1 else values // step
    grey = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, alpha))


def correction(image: Image.Image) -> Correction:
    """Return what `values_of` does to the values of an image."""
    if _is_white_zero(image):
        return "inverted"
    return "unsigned" if _is_unsigned_of_32_bits(image) else ""


def declared_white(image: Image.Image) -> int | None:
    """Return the value that a file says is white; None: only its values tell."""
    return 2 ** _bits(image) - 1 if _is_white_zero(image) else None


def _corrected(image: Image.Image, values: Values) -> Values:
    """Return Pillow's values as the tags of a TIFF mean them: the larger, the brighter."""
    if _is_unsigned_of_32_bits(image):
        values = values.view(np.uint32)  # Pillow has 32 bits with a sign alone
    if not _is_white_zero(image):
        return values
    if values.dtype.kind == "f":
        raise BadImage("floating point whose 0 is white: no tag says which number is black")
    turned: Values = 2 ** _bits(image) - 1 - values
    return turned


def _is_white_zero(image: Image.Image) -> bool:
    # Pillow turns 1 to 8 bits itself.
    is_white_zero = _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    return is_white_zero and image.mode.startswith(("I", "F"))


def _is_unsigned_of_32_bits(image: Image.Image) -> bool:
    return image.mode == "I" and _bits(image) == 32 and _sample_format(image) == _UNSIGNED


def _sample_format(image: Image.Image) -> int:
    return _tag(image, _SAMPLE_FORMAT, _UNSIGNED) if image.format == "TIFF" else 0


def _bits(image: Image.Image) -> int:
    return _tag(image, _BITS_PER_SAMPLE, 8)


def _tag(image: Image.Image, number: int, default: int) -> int:
    """Return the first value of a tag; the default for another format."""
    value = getattr(image, "tag_v2", {}).get(number, default)
    return int(value[0] if isinstance(value, tuple) else value)
