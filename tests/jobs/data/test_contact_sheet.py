"""The contact sheet has the first images of each class as evaluation sees them."""

import io

import numpy as np
import pytest
from PIL import Image

from compound.jobs.data.contact_sheet import contact_sheet, drawn
from compound.jobs.data.sheet_images import MOST_CLASSES, SheetClass, sheet_classes
from compound.jobs.data.source import opened
from compound.jobs.data.stream.pixel_maker import maker
from compound.schemas.data import SyntheticData
from tests.support.image_files import folder, write_folder


def synthetic(**fields):
    return opened(SyntheticData(source="synthetic", **fields))


def opened_png(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
@pytest.mark.parametrize("channels", [1, 3])
def test_its_size_is_bounded(classes, channels):
    data = synthetic(num_classes=classes, images=3 * classes, size=4, channels=channels)
    sheet = opened_png(contact_sheet(data, 4))
    assert sheet.mode == "RGB"
    assert 600 <= sheet.width <= 1800 and sheet.height <= 3000


def test_of_many_classes_some_are_taken_evenly():
    entries = sheet_classes(synthetic(num_classes=1000, images=2000, size=4), 4)
    numbers = [entry.number for entry in entries]
    assert len(numbers) == MOST_CLASSES and numbers[0] == 0 and numbers[-1] == 999
    assert max(np.diff(numbers)) <= 9


def test_it_has_the_first_training_images_of_each_class_and_their_number():
    data = synthetic(num_classes=4, images=40, size=4)
    for entry in sheet_classes(data, 4):
        own = data.train_images[data.train_labels == entry.number]
        assert entry.count == len(own)
        assert np.array_equal(np.stack(entry.images), own[: len(entry.images)])


def test_it_is_cropped_and_resized_as_for_evaluation():
    data = synthetic(num_classes=2, images=8, size=8)
    (entry, _) = sheet_classes(data, 4, central=0.5)
    (first, *_) = data.train_images[data.train_labels == 0]
    assert np.array_equal(entry.images[0], first[:, 2:6, 2:6])


def test_streamed_images_are_the_same_and_a_broken_one_is_crossed_out(tmp_path):
    write_folder(tmp_path, 6)
    write_folder(tmp_path, 1, split="val")
    in_memory = sheet_classes(opened(folder(str(tmp_path))), 8)
    streamed = sheet_classes(opened(folder(str(tmp_path), memory="never")), 8)
    for first, second in zip(in_memory, streamed, strict=True):
        assert np.array_equal(np.stack(first.images), np.stack(second.images))
    (tmp_path / "train" / "ant" / "0.png").write_bytes(b"broken")
    (entry, _) = sheet_classes(opened(folder(str(tmp_path), memory="never")), 8)
    assert entry.images[0] is None and len(entry.images) == 6
    tile = drawn([entry], "heading").crop((12, 48, 92, 128))
    assert tile.getpixel((40, 40)) == (255, 0, 0)


@pytest.mark.parametrize("images", [1, 2, 8])
def test_the_names_of_classes_with_few_images_can_be_told_apart(images):
    pixels = (np.zeros((1, 4, 4), np.uint8),) * images
    sheets = [
        drawn([SheetClass(0, f"Yorkshire terrier {name}", pixels, images)] * 3, "heading")
        for name in ("old", "new")
    ]
    assert sheets[0].size == sheets[1].size and sheets[0].tobytes() != sheets[1].tobytes()


@pytest.mark.filterwarnings("error:The given NumPy array is not writable")
@pytest.mark.parametrize("kind", ["uint16", "uint8"])
@pytest.mark.parametrize("side", [4, 8])
def test_grey_of_any_depth_is_drawn_and_streamed_without_a_warning(tmp_path, kind, side):
    for number in range(20):
        path = tmp_path / "train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 200 + number, kind)).save(path)
    choice = opened(folder(str(tmp_path), memory="never"))
    contact_sheet(choice, side)
    make = maker(choice.form, side)
    assert make(path.read_bytes()).shape == (1, side, side)


@pytest.mark.parametrize(
    "name", ["猫", "Собаки", "\udcff", "a\nb", "", "x" * 10_000, "Ünïcödé", "\ue001"]
)
def test_every_class_name_can_be_drawn(name):
    pixels = np.zeros((1, 4, 4), np.uint8)
    sheet = drawn([SheetClass(0, name, (pixels,), 1)], name)
    assert sheet.width <= 1800 and sheet.height < 200
