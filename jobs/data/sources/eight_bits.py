"""Grey images of more than 8 bits, at 8 bits: by one scale for a whole data set.

A scale of its own for each image would make dark images bright, and classes that differ in
brightness alike. So the scale comes from the brightest of a sample of all images.
"""

import numpy as np
from PIL import Image

from compound.jobs.data.sources.tiff_values import Values, corrected

HIGH_BYTE = 256.0
"""The scale of images that use all 16 bits: their high byte is taken."""
_UNIT = 1 / 255
_BIT_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
"""The depths that cameras and scanners have."""


def values_of(image: Image.Image) -> Values:
    """Return the values of an image of mode I, I;16 or F as its file means them, (H, W).

    What is no finite number becomes 0. BadImage: see `corrected`.
    """
    values: Values = np.nan_to_num(corrected(image, np.asarray(image)), posinf=0, neginf=0)
    return values


def step_for(brightest: float, floating: bool) -> float:
    """Return the values that become one level of 255, for data up to `brightest`.

    Numbers with a fraction (`floating`) up to 1 are taken as shares of white, as is usual.
    Otherwise the fewest bits of a usual depth are taken that hold the brightest value.
    """
    if floating and brightest <= 1:
        return _UNIT
    bits = next((bits for bits in _BIT_DEPTHS if brightest < 2**bits), _BIT_DEPTHS[-1])
    return float(2 ** (bits - 8))


def eight_bits(image: Image.Image, step: float) -> Image.Image:
    """Return an image of mode I, I;16 or F as L, or LA where it has a transparent value."""
    values = values_of(image)
    levels = values / step + 0.5 if step == _UNIT else values // step
    grey = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, alpha))
