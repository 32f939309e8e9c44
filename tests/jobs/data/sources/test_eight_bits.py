"""Grey of more than 8 bits gets one scale for the whole data set."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from compound.jobs.data.source import opened
from compound.jobs.data.sources.decode import Form, decode
from compound.jobs.data.sources.eight_bits import HIGH_BYTE, step_for
from tests.support.image_files import folder
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


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("order", "mode"), [("<u2", "I;16"), (">u2", "I;16B")])
def test_either_order_of_bytes_gives_the_values_that_pillow_reads(order, mode, kind, orientation):
    values = np.random.default_rng(3).integers(0, 2**16, (8, 8)).astype(order)
    data = encode(Image.fromarray(values), kind, orientation)
    image = Image.open(io.BytesIO(data))
    assert image.mode == (mode if kind == "TIFF" else "I;16")
    image.load()
    upright = ImageOps.exif_transpose(image)
    # Pillow's own conversion to 8 bits clips at 255, hence single values.
    expected = [[upright.getpixel((x, y)) >> 8 for x in range(8)] for y in range(8)]
    assert decode(data, Form(1, 8))[0].tolist() == expected
    assert decode(data, Form(3, 8)).tolist() == [expected] * 3
    assert orientation > 1 or (values >> 8).tolist() == expected


def test_images_of_either_order_share_one_scale(tmp_path):
    for number in range(12):
        values = np.random.default_rng(number).integers(0, 2**12, (8, 8))
        order = "<u2" if number % 2 else ">u2"
        kind = "TIFF" if number % 3 else "PNG"
        path = tmp_path / "train" / "ab"[number % 2] / f"{number}.{kind.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(Image.fromarray(values.astype(order)), kind))
    choice = opened(folder(str(tmp_path), memory="never"))
    assert (choice.form.channels, choice.form.step) == (1, 16)
    assert sum(tally.count for tally in choice.sample.appearance.modes) == 12


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
