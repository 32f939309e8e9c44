"""Grey of more than 8 bits gets one scale for the whole data set."""

import numpy as np
import pytest
from PIL import Image

from compound.jobs.data.sources.decode import Form, decode
from compound.jobs.data.sources.eight_bits import HIGH_BYTE, step_for
from tests.support.pictures import encode


@pytest.mark.parametrize(
    ("brightest", "floating", "step"),
    [
        (65535, False, 256),
        (5000, False, 32 * 2),
        (4095, False, 16),
        (2000, False, 16),
        (1, False, 1),
        (0, False, 1),
        (70_000, False, 2**16),
        (1.0, True, 1 / 255),
        (255.0, True, 1),
        (4000.0, True, 16),
    ],
)
def test_the_fewest_bits_of_a_usual_depth_hold_the_brightest_value(brightest, floating, step):
    assert step_for(brightest, floating) == step


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("step", [HIGH_BYTE, 16.0])
def test_values_are_divided_and_what_is_brighter_is_white(kind, step):
    values = np.array([[0, 256], [4095, 65535]], np.uint16)
    pixels = decode(encode(Image.fromarray(values), kind), Form(1, 2, step=step))
    assert np.array_equal(pixels[0], (values // int(step)).clip(0, 255))


@pytest.mark.parametrize("kind", ["TIFF", "PPM"])
def test_fractions_and_what_is_no_number(kind):
    values = np.array([[0, 0.5], [1, np.nan]], np.float32)
    pixels = decode(encode(Image.fromarray(values), kind), Form(1, 2, step=1 / 255))
    assert np.abs(pixels[0].astype(int) - [[0, 128], [255, 0]]).max() <= 1


def test_integers_of_32_bits_and_below_zero():
    values = np.array([[0, 256], [4095, -5]], np.int32)
    pixels = decode(encode(Image.fromarray(values), "TIFF"), Form(1, 2, step=16))
    assert pixels[0].tolist() == [[0, 16], [255, 0]]


def test_a_file_that_says_its_depth_is_scaled_by_it():
    data = b"P5 2 1 4095\n" + np.array([[0, 4095]], ">u2").tobytes()
    assert decode(data, Form(1, 1))[0].tolist() == [[0]]
    assert decode(data[:-4] + data[-2:] * 2, Form(1, 1))[0].tolist() == [[255]]
