"""Grey of more than 8 bits gets one scale for the whole data set."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from compound.jobs.data.listing.image_file import opened
from compound.jobs.data.pixels.decode import BadImage, Form, decode
from compound.jobs.data.pixels.eight_bits import HIGH_BYTE, step_for, values_of
from compound.jobs.data.source import opened as opened_data
from compound.jobs.data.source import summarise
from tests.support.image_files import folder, parquet, write_parquet
from tests.support.pictures import encode, tiff


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


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_zero_is_the_colour_that_a_tiff_says(kind, white_is_zero):
    brightest = {"u1": 255, "u2": 65535, "f4": 1.0}[kind]
    data = tiff(np.array([[0, brightest]] * 2, kind), white_is_zero)
    form = Form(1, 2, step=1 / 255 if kind == "f4" else HIGH_BYTE)
    if kind == "f4" and white_is_zero:
        with pytest.raises(BadImage, match="no tag says which number is black"):
            decode(data, form)
    else:
        assert decode(data, form)[0, 0].tolist() == ([255, 0] if white_is_zero else [0, 255])


@pytest.mark.parametrize("kind", ["u2", "i2", "u4", "i4", "f4"])
def test_the_largest_number_of_every_type_is_white(kind):
    largest = 255.0 if kind == "f4" else np.iinfo(kind).max
    data = tiff(np.array([[0, largest]] * 2, kind))
    step = step_for(largest, kind == "f4")
    assert decode(data, Form(1, 2, step=step))[0, 0, 0] == 0
    assert decode(data, Form(1, 2, step=step))[0, 0, 1] >= 127
    with opened(data) as image:
        assert values_of(image).max() == largest


@pytest.mark.parametrize("kind", ["u2", "u4"])
def test_data_that_an_earlier_version_read_otherwise_have_another_fingerprint(tmp_path, kind):
    values = [np.full((2, 2), 40_000 + number, kind) for number in range(20)]
    infos = []
    for white_is_zero in (False, True):
        path = tmp_path / f"{white_is_zero}.parquet"
        images = [tiff(image, white_is_zero and kind == "u2") for image in values]
        infos.append(summarise(parquet(write_parquet(path, images, [0, 1] * 10))))
    assert [info.pixels for info in infos] == ([2, 3] if kind == "u2" else [3, 3])


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
    choice = opened_data(folder(str(tmp_path), memory="never"))
    assert (choice.form.channels, choice.form.step) == (1, 16)
    assert sum(tally.count for tally in choice.sample.appearance.modes) == 12
