"""Channels, size, scale and fingerprint follow an even sample of the images."""

import numpy as np
import pytest
from PIL import Image

from compound.jobs.data.source import inspect, load, opened, summarise
from compound.jobs.data.sources.sampled_form import evenly
from tests.support.image_files import encoded, folder, parquet, write_folder, write_parquet
from tests.support.pictures import encode, picture

LABELS = [number % 2 for number in range(40)]


def data_of(tmp_path, images, **fields):
    """Return the spec of a Parquet file of 40 images: `images` over and over."""
    repeated = [images[number % len(images)] for number in range(40)]
    return parquet(write_parquet(tmp_path / "a.parquet", repeated, LABELS), **fields)


def sample_of(spec):
    return opened(spec.model_copy(update={"memory": "never"})).sample


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_an_even_sample_is_ascending_and_has_the_ends(count):
    sample = evenly(np.arange(50), count)
    assert len(np.unique(sample)) == len(sample) == min(count, 50)
    assert sample[0] == 0 and (count == 1 or sample[-1] == 49)


@pytest.mark.parametrize("grey", ["ancient", "xray"])
def test_colour_does_not_depend_on_the_name_of_the_grey_class(tmp_path, grey):
    for name, mode in ((grey, "L"), ("blue", "RGB"), ("red", "RGB")):
        (tmp_path / "train" / name).mkdir(parents=True)
        for number in range(20):
            data = encode(picture(mode, number), "PNG")
            (tmp_path / "train" / name / f"{number:02}.png").write_bytes(data)
    spec = folder(str(tmp_path))
    assert summarise(spec).in_channels == 3
    assert any("are grey: they get 3 equal channels" in note for note in sample_of(spec).notes)


def test_the_size_is_that_of_most_images_and_not_of_the_first(tmp_path):
    images = [encoded(0, 4)] * 17 + [encoded(number, 8) for number in range(23)]
    assert summarise(data_of(tmp_path, images)).size == 8


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_of_the_spec_are_taken(tmp_path, channels):
    images = [encoded(0), encoded(1, mode="L")]
    spec = data_of(tmp_path, images, channels=channels)
    assert load(spec).train_images.shape[1] == channels
    assert summarise(spec).in_channels == channels


def test_data_of_one_grey_image_after_another_stay_grey(tmp_path):
    images = [encode(picture(mode), "PNG") for mode in ("L", "1", "LA")]
    assert summarise(data_of(tmp_path, images)).in_channels == 1
    assert summarise(data_of(tmp_path, images, background="#ff0000")).in_channels == 3


def test_values_of_12_bits_in_16_are_stretched_alike_and_told(tmp_path):
    values = [np.full((4, 4), value, np.uint16) for value in (100, 4095, 1000)]
    spec = data_of(tmp_path, [encode(Image.fromarray(image), "PNG") for image in values])
    data = load(spec)
    assert set(np.unique(data.train_images).tolist()) == {100 // 16, 255, 1000 // 16}
    (note,) = sample_of(spec).notes
    assert "0 is black, 4,095 and more is white" in note


def test_16_bits_of_colour_are_told(tmp_path):
    data = b"P6 4 4 65535\n" + bytes(96)
    (note, *_) = sample_of(data_of(tmp_path, [data])).notes
    assert note == "40 of 40 sampled images have 16 bits a channel: their high 8 bits are used"


def test_transparency_and_orientation_are_told_with_their_numbers(tmp_path):
    images = [encode(picture("RGBA"), "PNG"), encode(picture("RGB"), "JPEG", 6)]
    notes = sample_of(data_of(tmp_path, images, background="grey")).notes
    assert "20 of 40 sampled images have an orientation tag: they are turned upright" in notes
    assert "20 of 40 sampled images are transparent: they are put on grey (`background`)" in notes


PLAIN = {
    "colour": ([encoded(number) for number in range(40)], "93b22d8adbe42968", 0.25),
    "grey": (
        [encoded(number, mode="L", kind="JPEG") for number in range(40)],
        "a195d7d5a066ad8f",
        0.1,
    ),
    "of two sizes": (
        [encoded(number, size=8 + number % 2, kind="JPEG") for number in range(40)],
        "dd4828a88ca62b4e",
        0.1,
    ),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_images_keep_the_fingerprint_of_the_first_version(tmp_path, kind):
    """The fingerprints were written before orientation and transparency were read."""
    images, fingerprint, validation = PLAIN[kind]
    info = summarise(data_of(tmp_path, images, validation=validation))
    assert (info.fingerprint, info.pixels) == (fingerprint, 1)


@pytest.mark.parametrize(("size", "fingerprint"), [(256, "901e929035245feb")])
def test_a_plain_folder_keeps_the_fingerprint_of_the_first_version(tmp_path, size, fingerprint):
    assert summarise(folder(write_folder(tmp_path), size=size)).fingerprint == fingerprint


CHANGED = {
    "orientation": [encode(picture("RGB", 1, 8, 8), "JPEG", 3)],
    "transparency": [encode(picture("RGBA", 1, 8, 8), "PNG")],
    "another format": [encode(picture("RGB", 1, 8, 8), "GIF")],
    "12 bits": [encode(Image.fromarray(np.full((8, 8), 4000, np.uint16)), "PNG")],
    "colour after grey": [encoded(3, mode="L")] * 24 + [encoded(4)] * 16,
}


@pytest.mark.parametrize("kind", CHANGED)
def test_data_with_other_pixels_than_before_are_marked(tmp_path, kind):
    info = summarise(data_of(tmp_path, CHANGED[kind]))
    assert info.pixels == 2


def test_broken_images_where_the_sample_is_taken_do_not_stop_it(tmp_path):
    images = [encoded(number) for number in range(40)]
    for number in (0, 1, 20, 39):
        images[number] = b"broken"
    assert summarise(data_of(tmp_path, images)).in_channels == 3


@pytest.mark.parametrize("images", [40, 800])
def test_a_summary_says_that_it_sampled_and_what_looks_at_all(tmp_path, images):
    data = [encoded(number, 4) for number in range(images)]
    labels = [number % 2 for number in range(images)]
    spec = parquet(write_parquet(tmp_path / "a.parquet", data, labels))
    notes = summarise(spec).ledger.notes
    sampled = [note for note in notes if "images were sampled" in note]
    assert len(sampled) == (images > 256)
    assert all(note.startswith("256 of 800 images were sampled") for note in sampled)
    assert not any("sampled" in note for note in inspect(spec).ledger.notes)
    assert inspect(spec).ledger.appearance.sampled == images


@pytest.mark.parametrize("white", [1, 100, 255, 1000, 4095, 65535, 5.5])
def test_a_white_of_the_spec_is_white_and_part_of_the_fingerprint(tmp_path, white):
    images = [np.full((4, 4), value, np.float32) for value in (0, white / 2, white, 2 * white)]
    encoded_images = [encode(Image.fromarray(image), "TIFF") for image in images]
    spec = data_of(tmp_path, encoded_images, white=white)
    values = sorted(set(load(spec).train_images.flatten().tolist()))
    assert values[0] == 0 and values[-1] == 255 and abs(values[1] - 127) <= 1 and len(values) == 3
    assert summarise(spec).fingerprint != summarise(data_of(tmp_path, encoded_images)).fingerprint
