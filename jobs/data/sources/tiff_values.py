"""Values of TIFF images that Pillow gives otherwise than the file says."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from compound.jobs.data.listing.image_file import BadImage

Values = npt.NDArray[Any]

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
"""Numbers of TIFF 6.0's tags."""
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


Correction = Literal["", "inverted", "unsigned"]
"""What `corrected` does: turns values where 0 is white, or reads 32 bits without a sign."""


def correction(image: Image.Image) -> Correction:
    """Return what `corrected` does to the values of an image."""
    if _is_white_zero(image):
        return "inverted"
    return "unsigned" if _is_unsigned_of_32_bits(image) else ""


def corrected(image: Image.Image, values: Values) -> Values:
    """Return Pillow's values as the file means them: the larger, the brighter.

    BadImage: 0 is white, and nothing says which number is black.
    """
    if _is_unsigned_of_32_bits(image):
        values = values.view(np.uint32)  # Pillow has 32 bits with a sign alone
    if not _is_white_zero(image):
        return values
    if values.dtype.kind == "f":
        raise BadImage("floating point whose 0 is white: no tag says which number is black")
    return 2 ** _bits(image) - 1 - values


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
