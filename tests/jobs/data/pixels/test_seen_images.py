"""Reading all images finds those that lose their colour, by their pixels."""

import numpy as np
import pytest
from PIL import Image

from compound.jobs.data.pixels.decode import BadImage, Form
from compound.jobs.data.pixels.seen_images import SeenImages
from tests.support.pictures import encode, picture


def coloured(data: bytes, **form) -> int:
    seen = SeenImages(Form(**{"channels": 1, "size": 4, **form}))
    seen.add("a.png", data)
    assert seen.headers.total() == 1
    return seen.coloured


@pytest.mark.parametrize("mode", ["L", "LA", "1", "RGB", "P"])
def test_grey_pixels_lose_nothing_in_any_mode(mode):
    grey = picture("L", 3, 4, 4).quantize(8) if mode == "P" else picture("L", 3, 4, 4).convert(mode)
    assert coloured(encode(grey, "PNG")) == 0


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_pixels_with_colour_are_counted_where_one_channel_is_left(mode):
    data = encode(picture(mode, 3, 4, 4), "PNG")
    assert coloured(data) == 1
    assert coloured(data, channels=3) == 0


def test_a_background_with_colour_behind_a_grey_drawing_is_colour():
    data = encode(picture("LA", 3, 4, 4), "PNG")
    assert coloured(data, background=(255, 0, 0)) == 1
    assert coloured(data, background=(9, 9, 9)) == 0


def test_values_of_many_bits_are_added():
    seen = SeenImages(Form(1, 2))
    seen.add("a.png", encode(Image.fromarray(np.full((2, 2), 900, np.uint16)), "PNG"))
    assert seen.greys.brightest == [900] and seen.greys.name == "a.png"
    with pytest.raises(BadImage):
        seen.add("b.png", b"broken")
