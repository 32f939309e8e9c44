"""What a header says, without decoding pixels."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from compound.jobs.data.listing.image_file import BadImage, opened
from compound.jobs.data.pixels.image_header import appearance, header
from tests.support.pictures import HEIGHT, WIDTH, all_pictures, encode, picture, png


def test_size_orientation_and_transparency_of_all_kinds():
    """BMP keeps no alpha, WebP and AVIF no grey with alpha, and WebP no grey."""
    for name, data in all_pictures():
        kind, mode, orientation = name.split()
        properties = header(data)
        turned = int(orientation) > 4
        assert (properties.width, properties.height) == (
            (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
        ), name
        assert properties.oriented == (orientation != "1"), name
        assert properties.transparent == (mode in ("LA", "PA", "RGBA") and kind != "BMP"), name
        assert not properties.deep, name
        if mode in ("RGB", "RGBA", "CMYK", "P", "PA"):
            assert not properties.grey, name
        elif kind not in ("WEBP", "AVIF"):
            assert properties.grey, name


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_is_deep(kind):
    data = encode(Image.fromarray(np.full((2, 2), 300, np.uint16)), kind)
    properties = header(data)
    assert properties.deep and properties.grey and properties.raw


def test_colour_of_16_bits_is_deep():
    for kind, channels in ((2, 3), (4, 2), (6, 4)):
        properties = header(png(bytes(1 + 2 * channels), (1, 1), 16, kind))
        assert properties.deep and not properties.raw
        assert properties.grey == (kind == 4)
    assert header(b"P6 1 1 65535\n" + bytes(6)).deep
    assert not header(b"P6 1 1 255\n" + bytes(3)).deep


def test_an_appearance_counts_a_sample():
    properties = [
        header(encode(picture(mode), "PNG", turn)) for mode, turn in (("RGB", 1), ("RGBA", 6))
    ]
    counts = appearance(Counter(properties * 2), 1000)
    assert (counts.sampled, counts.listed, counts.oriented, counts.transparent) == (4, 1000, 2, 2)
    assert [(tally.value, tally.count) for tally in counts.modes] == [("RGB", 2), ("RGBA", 2)]
    assert {tally.value for tally in counts.sizes} == {"17 x 13", "13 x 17"}


def test_an_image_without_pixels_is_bad():
    for data in (b"", png(b"", (0, 2), 8, 0), b"P5 0 4 255\n"):
        with pytest.raises(BadImage), opened(data):
            pass
