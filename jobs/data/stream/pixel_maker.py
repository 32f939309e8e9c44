"""Pixels of encoded images: the same function in every process that decodes."""

from collections.abc import Callable

import numpy as np

from compound.jobs.data.pixels.decode import Form, decode
from compound.jobs.data.sources.dataset import Pixels

Make = Callable[[bytes], Pixels]


def maker(form: Form, side: int) -> Make:
    """Return a function that decodes to `form` and resizes to `side`, as for data in memory.

    The function raises BadImage where an image cannot be decoded.
    """
    if side == form.size:
        return lambda data: decode(data, form)
    # Imported here, as in decode.py: images that need no resizing need no torch.
    import torch

    from compound.jobs.data.images import resize

    def make(data: bytes) -> Pixels:
        # A copy: torch takes no array that cannot be written, as Pillow's are.
        pixels = torch.from_numpy(np.array(decode(data, form), order="C"))
        return resize(pixels[None], side)[0].numpy()

    return make
