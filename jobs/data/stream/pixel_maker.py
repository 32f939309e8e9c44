"""What makes pixels of encoded images: the same function in every process that decodes."""

from collections.abc import Callable

import numpy as np

from compound.jobs.data.dataset import Pixels
from compound.jobs.data.decode import Form, decode

Make = Callable[[bytes], Pixels]


def maker(form: Form, side: int) -> Make:
    """Return what decodes to `form` and resizes to `side` pixels: the pixels of data in memory.

    What it returns raises BadImage for what cannot be decoded.
    """
    if side == form.size:
        return lambda data: decode(data, form)
    import torch  # only here, as in pixels.py: exact images do without

    from compound.jobs.data.images import resize

    def make(data: bytes) -> Pixels:
        pixels = torch.from_numpy(np.ascontiguousarray(decode(data, form)))
        return resize(pixels[None], side)[0].numpy()

    return make
