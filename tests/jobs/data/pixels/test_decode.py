"""Decoded pixels are those that a viewer shows, in memory, streamed and on other machines."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from compound.jobs.data.listing.image_file import FORMATS, guarded
from compound.jobs.data.pixels.decode import BadImage, Form, decode
from compound.jobs.data.pixels.image_header import header
from compound.jobs.data.source import opened
from compound.jobs.data.stream.remote_decoding import RemoteSettings, decoded
from compound.jobs.data.stream.streamed_dataset import StreamedDataset
from tests.support.image_files import folder
from tests.support.pictures import (
    HEIGHT,
    all_pictures,
    as_pillow_shows,
    encode,
    picture,
    png,
    small_gif,
    ycck,
)

FORM = Form(3, HEIGHT)
_TURNS = (
    *("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE"),
    *("ROTATE_270", "TRANSVERSE", "ROTATE_90"),
)
"""Pillow's names of what orientations 2 to 8 ask for."""


@pytest.fixture(scope="module")
def pictures():
    return dict(all_pictures())


def difference(pixels, reference) -> int:
    assert pixels.shape == reference.shape
    return int(np.abs(pixels.astype(int) - reference.astype(int)).max())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("background", ["white", "#20c0ff"])
def test_over_200_images_of_all_kinds_are_as_pillow_shows_them(pictures, channels, background):
    assert len(pictures) >= 200
    colour = (255, 255, 255) if background == "white" else (0x20, 0xC0, 0xFF)
    form = Form(channels, HEIGHT, background=colour)
    wrong = [
        name
        for name, data in pictures.items()
        if difference(decode(data, form), as_pillow_shows(data, channels, colour)) > 1
    ]
    assert not wrong


def test_they_are_the_same_on_other_machines(pictures):
    pixels, reasons = decoded(pictures.values(), RemoteSettings(FORM, HEIGHT, 1))
    assert not any(reasons)
    for image, data in zip(pixels, pictures.values(), strict=True):
        assert np.array_equal(image, decode(data, FORM))


def test_they_are_the_same_when_decoding_processes_stream_them(pictures, tmp_path):
    for number, data in enumerate(pictures.values()):
        path = tmp_path / "train" / "ab"[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    choice = opened(folder(str(tmp_path), memory="never", background="#20c0ff"))
    assert choice.form.background == (0x20, 0xC0, 0xFF)
    stream = StreamedDataset(choice, HEIGHT, threads=1)
    rows = np.arange(len(choice.train.indices))
    try:
        ((pixels, good),) = stream.read([rows], len(rows), replace=False)
    finally:
        stream.close()
    assert np.array_equal(good, rows)
    files = (data for _, data in choice.train.listing.images(choice.train.indices))
    for image, data in zip(pixels, files, strict=True):
        assert difference(image, as_pillow_shows(data, 3, choice.form.background)) <= 1


@pytest.mark.parametrize("size", [32, 8, 4])
def test_a_jpeg_is_turned_the_same_where_libjpeg_decodes_it_smaller(size):
    image = picture("RGB", 5, 6, 4).resize((48, 32), Image.Resampling.BICUBIC)
    plain = decode(encode(image, "JPEG"), Form(3, size)).transpose(1, 2, 0)
    for orientation, method in enumerate(_TURNS, start=2):
        turned = Image.fromarray(plain).transpose(Image.Transpose[method])
        pixels = decode(encode(image, "JPEG", orientation), Form(3, size))
        assert difference(pixels, np.asarray(turned).transpose(2, 0, 1)) <= 1


@pytest.mark.parametrize("tag", [b"tiff:Orientation='x'", b"Exif\0\0MM\0*broken", b"Exif\0\0"])
def test_a_broken_tag_turns_nothing(tag):
    data = encode(picture("RGB"), "JPEG")
    marked = data[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + data[2:]
    with guarded():
        assert np.array_equal(decode(marked, FORM), decode(data, FORM))


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_an_unknown_orientation_turns_nothing(orientation):
    image = picture("RGB")
    data = encode(image, "PNG", orientation)
    assert np.array_equal(decode(data, FORM), as_pillow_shows(encode(image, "PNG")))


def test_an_orientation_behind_the_pixels_of_a_png_is_found():
    chunk = Image.Exif()
    chunk[0x112] = 6
    data = png(b"\0\x05\x09\0\xff\x01", (2, 2), 8, 0, after=[(b"eXIf", chunk.tobytes()[6:])])
    assert decode(data, Form(1, 2)).tolist() == [[[255, 5], [1, 9]]]


@pytest.mark.parametrize(
    ("depth", "rows", "key", "expected"),
    [
        (1, b"\0\x40\0\x80", b"\0\0", [[255, 255], [255, 255]]),
        (1, b"\0\x40\0\x80", b"\0\1", [[0, 255], [255, 0]]),
        (2, b"\0\x60\0\xc0", b"\0\1", [[255, 170], [255, 0]]),
        (4, b"\0\x5a\0\xf0", b"\0\5", [[255, 170], [255, 0]]),
        (8, b"\0\x05\x09\0\xff\x01", b"\0\5", [[255, 9], [255, 1]]),
        (16, b"\0\x10\x05\x20\x09\0\xff\x01\0\0", b"\x10\5", [[255, 32], [255, 0]]),
    ],
)
def test_a_transparent_grey_of_a_png_becomes_the_background(depth, rows, key, expected):
    data = png(rows, (2, 2), depth, 0, before=[(b"tRNS", key)])
    assert decode(data, Form(1, 2)).tolist() == [expected]
    assert decode(data, Form(3, 2)).tolist() == [expected] * 3


def test_a_transparent_colour_of_a_png_becomes_the_background():
    for depth, kind in ((8, ">u1"), (16, ">u2")):
        values = np.array([[[1, 2, 3], [1, 2, 4]]]) << (depth - 8)
        key = values[0, 0].astype(">u2").tobytes()
        rows = b"\0" + values.astype(kind).tobytes()
        data = png(rows, (2, 1), depth, 2, before=[(b"tRNS", key)])
        canvas = decode(png(rows, (2, 1), depth, 2), Form(3, 1))[:, 0, 0].tolist()
        assert canvas == [1, 2, 3]
        assert decode(data, Form(3, 1, background=(9, 9, 9)))[:, 0, 0].tolist() == [9, 9, 9]


def test_a_drawing_on_transparency_keeps_its_shape():
    drawing = np.zeros((24, 24, 4), np.uint8)
    drawing[8:16, 8:16, 3] = 255
    pixels = decode(encode(Image.fromarray(drawing), "PNG"), Form(3, 24))
    assert pixels[:, 12, 12].tolist() == [0, 0, 0] and pixels[:, 0, 0].tolist() == [255] * 3


def test_a_bitmap_whose_fourth_byte_is_unused_is_opaque():
    bitmap = bytearray(encode(Image.new("RGBA", (2, 2), (10, 20, 30, 0)), "BMP"))
    # The header's compression 3 says that masks follow; Pillow then takes the fourth byte as alpha.
    masks = b"".join(mask.to_bytes(4, "little") for mask in (0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    pixels = bitmap[54:]
    bitmap[14:18], bitmap[30:34] = (56).to_bytes(4, "little"), (3).to_bytes(4, "little")
    bitmap[10:14] = (70).to_bytes(4, "little")
    data = bytes(bitmap[:54]) + masks + bytes(pixels)
    assert Image.open(io.BytesIO(data)).mode == "RGBA"
    assert decode(data, Form(3, 2))[:, 0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_first_of_several_pictures_is_taken(kind):
    frames = [Image.new("RGBA", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    red, green, blue = decode(data, Form(3, 8))[:, 4, 4].tolist()
    assert red > 250 and green < 5 and blue < 5


@pytest.mark.parametrize("key", [b"", b"\x21\xf9\x04\x01\0\0\x01\0"])
@pytest.mark.parametrize("corner", [(0, 0), (1, 1), (3, 3)])
def test_a_picture_smaller_than_the_canvas_of_its_gif_stands_on_the_background(key, corner):
    pixels = decode(small_gif(corner, key), Form(3, 4, background=(9, 8, 7)))
    assert pixels[:, corner[1], corner[0]].tolist() == [255, 0, 0]
    expected = np.tile([[[9]], [[8]], [[7]]], (4, 4))
    expected[:, corner[1], corner[0]] = [255, 0, 0]
    assert np.array_equal(pixels, expected)
    assert header(small_gif(corner, key)).transparent


def test_inks_of_a_jpeg_are_not_inverted():
    data = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    assert b"Adobe" in data
    assert decode(data, Form(3, 8))[:, 4, 4].tolist() == [255, 0, 0]


INKS = {
    (0, 255, 255, 0): [255, 0, 0],
    (255, 0, 255, 0): [0, 255, 0],
    (0, 0, 0, 255): [0, 0, 0],
    (0, 0, 0, 0): [255, 255, 255],
    (40, 80, 120, 60): [164, 134, 103],
}
"""Cyan, magenta, yellow and black, and the colour on paper."""


@pytest.mark.parametrize(("inks", "colour"), INKS.items())
def test_inks_of_a_jpeg_as_adobe_writes_them_are_the_colour_on_paper(inks, colour):
    data = ycck(Image.new("CMYK", (16, 16), inks))
    assert Image.open(io.BytesIO(data)).info["adobe_transform"] == 2
    pixels = decode(data, Form(3, 16))
    assert np.array_equal(pixels, as_pillow_shows(data))
    assert np.abs(pixels[:, 8, 8].astype(int) - colour).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3])
def test_inks_of_a_jpeg_are_as_pillow_shows_them_whichever_way_they_are_stored(
    orientation, channels
):
    inks = picture("CMYK", orientation, 32, 24)
    plain = encode(inks, "JPEG", orientation)
    marker = plain.index(b"Adobe")
    adobe = plain[: marker + 11] + b"\x02" + plain[marker + 12 :]
    for data in (plain, adobe):
        pixels = decode(data, Form(channels, 24))
        assert np.array_equal(pixels, as_pillow_shows(data, channels))


def test_inks_that_libjpeg_decodes_smaller_are_the_same_colours():
    data = ycck(picture("CMYK", 5, 6, 4).resize((96, 64), Image.Resampling.BICUBIC))
    whole = Image.fromarray(as_pillow_shows(data).transpose(1, 2, 0))
    expected = np.asarray(whole.resize((8, 8), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert difference(decode(data, Form(3, 8)), expected) <= 8


def test_a_colour_profile_is_ignored():
    image = picture("RGB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    data = encode(image, "JPEG", icc_profile=profile)
    assert np.array_equal(decode(data, FORM), decode(encode(image, "JPEG"), FORM))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "PPM"])
def test_a_file_that_ends_early_is_bad(kind):
    data = encode(picture("RGB", width=40, height=40), kind)
    for end in (20, len(data) // 3, 2 * len(data) // 3):
        with guarded(), pytest.raises(BadImage):
            decode(data[:end], Form(3, 40))


@pytest.mark.parametrize(("tag", "value"), [(254, 1), (50706, b"\1\4\0\0")])
def test_the_preview_of_a_camera_raw_file_is_no_photograph(tag, value):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[tag] = value
    data = encode(picture("RGB"), "TIFF", tiffinfo=tags)
    with pytest.raises(BadImage, match="camera RAW, whose first picture is a preview"):
        decode(data, FORM)


def test_a_tiff_of_several_pages_is_its_first_page():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 2
    data = encode(picture("RGB"), "TIFF", tiffinfo=tags)
    assert np.array_equal(decode(data, FORM), decode(encode(picture("RGB"), "TIFF"), FORM))


@pytest.mark.skipif("HEIF" in FORMATS, reason="HEIC can be read here")
def test_heic_says_what_to_install():
    with pytest.raises(BadImage, match="pip install pillow-heif"):
        decode(b"\0\0\0\x18ftypheic" + bytes(100), FORM)


@pytest.mark.skipif("HEIF" not in FORMATS, reason="needs the package pillow-heif")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_upright(orientation):
    data = encode(picture("RGB", width=96, height=64), "HEIF", orientation)
    assert difference(decode(data, Form(3, 64)), as_pillow_shows(data)) <= 1
