"""The four sources give the same kind of data set, and cheap summaries tell the truth."""

import io
import os
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from compound.jobs.data.source import SOURCES, inspect, load, summarise
from compound.schemas.data import DataSpec, DigitsData, SyntheticData, Undecodable
from tests.support.image_files import encoded, folder, parquet, write_folder, write_parquet

CIFAR10 = os.environ.get("COMPOUND_CIFAR10", "")


def test_digits_are_real_and_split_by_class():
    data = load(DigitsData(source="digits"))
    assert data.train_images.shape == (1348, 1, 8, 8)
    assert data.validation_images.shape == (449, 1, 8, 8)
    assert data.train_images.dtype == np.uint8 and data.train_images.max() == 255
    assert np.bincount(data.train_labels).min() >= 130
    assert data.info == summarise(DigitsData(source="digits"))


def test_synthetic_classes_can_be_told_apart():
    data = load(SyntheticData(source="synthetic", images=300, validation_images=5000, size=16))
    means = [data.train_images[data.train_labels == c].mean(0) for c in range(4)]
    distance = [((data.validation_images - mean) ** 2).sum((1, 2, 3)) for mean in means]
    assert (np.argmin(distance, 0) == data.validation_labels).mean() > 0.95
    assert data.info == summarise(
        SyntheticData(source="synthetic", images=300, validation_images=5000, size=16)
    )


@pytest.fixture
def sources(tmp_path):
    images = [encoded(i) for i in range(40)]
    file = write_parquet(tmp_path / "a.parquet", images, [i % 2 for i in range(40)])
    return [parquet(file, validation=0.25), folder(write_folder(tmp_path / "f"), validation=0.25)]


def test_summary_and_inspection_agree(sources):
    for spec in sources:
        by_listing, by_decoding = summarise(spec), inspect(spec)
        assert by_listing.ledger and by_decoding.ledger
        # Parquet's images are compared when they are read.
        assert by_listing.ledger.parts == by_decoding.ledger.parts
        assert by_decoding.undecodable == Undecodable()
        unread = {"ledger": by_listing.ledger, "undecodable": None}
        assert by_listing == by_decoding.model_copy(update=unread)


def test_parquet_pixels_and_labels_stay_together(tmp_path):
    images = [encoded(i) for i in range(40)]
    file = write_parquet(tmp_path / "a.parquet", images, [i % 10 for i in range(40)])
    data = load(parquet(file, limit=20, validation=0.25))
    by_pixels = {np.asarray(Image.open(io.BytesIO(d))).tobytes(): i for i, d in enumerate(images)}
    rows = [by_pixels[image.transpose(1, 2, 0).tobytes()] for image in data.train_images]
    assert [number % 10 for number in rows] == data.train_labels.tolist()
    assert rows == sorted(set(rows)) and len(rows) == 20


def test_parquet_takes_folders_of_files_plain_binary_and_class_names(tmp_path):
    names = b'{"info": {"features": {"label": {"names": ["cat", "dog", "emu"]}}}}'
    for part in range(2):
        data = [encoded(part * 10 + i, mode="L") for i in range(10)]
        table = pa.table({"image": data, "label": pa.array([0, 1] * 5, pa.int8())})
        table = table.replace_schema_metadata({b"huggingface": names})
        pq.write_table(table, tmp_path / f"part-{part}.parquet")
    info = inspect(parquet(str(tmp_path)))
    assert info.classes == ("cat", "dog", "emu")
    assert (info.in_channels, info.train, info.validation) == (1, 18, 2)


def test_a_validation_file_of_its_own_is_taken_whole(tmp_path):
    train = write_parquet(tmp_path / "a.parquet", [encoded(i) for i in range(8)], [0, 1] * 4)
    held_out = write_parquet(
        tmp_path / "b.parquet", [encoded(i + 50) for i in range(6)], [0, 1] * 3
    )
    info = inspect(parquet(train, validation_path=held_out))
    assert (info.train, info.validation) == (8, 6)


@pytest.mark.parametrize("name", ["val", "validation"])
def test_folder_with_a_validation_split(tmp_path, name):
    write_folder(tmp_path, 5)
    write_folder(tmp_path, 2, split=name)
    (tmp_path / "train" / "ant" / "notes.txt").write_text("no image")
    info = inspect(folder(str(tmp_path)))
    assert (info.train, info.validation, info.classes, info.size) == (10, 4, ("ant", "bee"), 8)


def test_images_become_squares_of_at_most_the_size_asked_for(tmp_path):
    write_folder(tmp_path)
    write_folder(tmp_path, 2, split="val")
    wide = Image.new("RGB", (90, 30), "red")
    wide.paste("blue", (30, 0, 60, 30))
    wide.save(tmp_path / "train" / "ant" / "0.png")
    data = load(folder(str(tmp_path), size=4))
    assert data.train_images.shape == (12, 3, 4, 4)
    assert data.info.size == 4
    red, _, blue = data.train_images[0]
    assert red.max() < 30 and blue.min() > 225


def test_fingerprint_follows_content_and_fields_but_not_the_place(tmp_path):
    info = summarise(folder(write_folder(tmp_path / "one")))
    assert summarise(folder(write_folder(tmp_path / "two"))).fingerprint == info.fingerprint
    other_split = summarise(folder(str(tmp_path / "one"), split_seed=1))
    assert other_split.fingerprint != info.fingerprint
    tolerant = summarise(folder(str(tmp_path / "one"), max_bad=0.5))
    assert tolerant.fingerprint == info.fingerprint
    (tmp_path / "two" / "train" / "ant" / "0.png").write_bytes(encoded(999))
    assert summarise(folder(str(tmp_path / "two"))).fingerprint != info.fingerprint


def test_deep_grey_has_one_scale_for_all_images(tmp_path):
    write_folder(tmp_path)
    for number, file in enumerate(sorted(tmp_path.rglob("*.png"))):
        Image.fromarray(np.full((8, 8), 1000 * number, np.uint16)).save(file)
    data = load(folder(str(tmp_path), validation=0.5))
    seen = sorted([*data.train_images[:, 0, 0, 0], *data.validation_images[:, 0, 0, 0]])
    assert seen == [1000 * number // 64 for number in range(12)]


@pytest.mark.skipif(not CIFAR10, reason="COMPOUND_CIFAR10 names no folder with CIFAR-10")
def test_cifar10_reads_as_it_is():
    spec = parquet(
        f"{CIFAR10}/train.parquet",
        validation_path=f"{CIFAR10}/test.parquet",
        limit=500,
        validation_limit=200,
    )
    data = load(spec)
    assert np.bincount(data.train_labels).tolist() == [50] * 10
    assert (data.info.in_channels, data.info.size, data.info.validation) == (3, 32, 200)
    assert data.info.classes[0] == "airplane"
    assert data.info == summarise(spec)


def test_every_source_of_the_schema_has_a_row():
    union, _ = get_args(DataSpec)
    assert set(SOURCES) == set(get_args(union))
