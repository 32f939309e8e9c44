"""What cannot be trained on is named before training starts."""

import io
import struct
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from compound.jobs.data.pixels import decode as pixels
from compound.jobs.data.source import inspect, summarise
from compound.schemas.data import DigitsData, SyntheticData
from compound.schemas.errors import DataError
from tests.support.image_files import encoded, folder, parquet, write_folder, write_parquet


def bomb(side: int = 30_000) -> bytes:
    """Return a valid PNG header of side x side pixels, with next to nothing behind it."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def refused(action, spec, *texts):
    with pytest.raises(DataError) as caught:
        action(spec)
    for text in texts:
        assert text in str(caught.value)


@pytest.fixture
def rows(tmp_path):
    def write(images=None, labels=None, name="a.parquet", **fields):
        images = [encoded(i) for i in range(20)] if images is None else images
        labels = [i % 2 for i in range(len(images))] if labels is None else labels
        return parquet(write_parquet(tmp_path / name, images, labels), **fields)

    return write


BROKEN = {
    "empty": (b"", "0 bytes"),
    "missing": (None, "0 bytes"),
    "text": (b"this is not an image", "not one of PNG, JPEG"),
    "truncated jpeg": (encoded(1, 64, kind="JPEG")[:-700], "truncated"),
    "truncated png": (encoded(1)[:-60], "truncated"),
    "icon": (encoded(1, 16, kind="ICO"), "not one of PNG, JPEG"),
    "no width": (b"P5 0 4 255 ", "not one of PNG, JPEG"),
    "huge": (bomb(), "pixel"),
    "large": (bomb(9_000), "9000 x 9000 pixels are too many"),
    "suspicious": (bomb(10_000), "pixel"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_image_is_left_out_and_named(rows, kind):
    data, reason = BROKEN[kind]
    images = [encoded(i) for i in range(20)]
    images[3] = data
    spec = rows(images, max_bad=0.05)
    info = inspect(spec)
    assert info.train + info.validation == 19
    assert len(info.quarantined) == 1
    assert info.quarantined[0].startswith("a.parquet row 3 (3.png): ")
    assert reason in info.quarantined[0]
    assert summarise(spec).fingerprint != info.fingerprint
    assert summarise(rows()).fingerprint == inspect(rows()).fingerprint


@pytest.mark.parametrize("kind", ["empty", "truncated jpeg", "huge"])
def test_broken_files_in_a_folder(tmp_path, kind):
    write_folder(tmp_path, 10)
    (tmp_path / "train" / "bee" / "4.png").write_bytes(BROKEN[kind][0])
    info = inspect(folder(str(tmp_path), max_bad=0.05))
    assert [bad.split(":")[0] for bad in info.quarantined] == ["train/bee/4.png"]
    refused(inspect, folder(str(tmp_path)), "1 of 20 images cannot be decoded", "train/bee/4.png")


def test_a_huge_image_takes_no_memory(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(Image.Image, "convert", never)
    for side in (9_000, 10_000, 30_000):
        with pixels.guarded(), pytest.raises(pixels.BadImage):
            pixels.decode(bomb(side), pixels.Form(3, 8))


def test_too_many_bad_images_are_refused_with_counts(rows):
    images = [b"" if i % 2 else encoded(i) for i in range(20)]
    refused(inspect, rows(images), "10 of 20 images cannot be decoded", "5 more", "1.00%")


def test_only_bad_images(rows):
    refused(summarise, rows([b""] * 20), "none of the 18 training images can be decoded")


@pytest.mark.parametrize("action", [inspect, summarise])
@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        ([-1, 0] * 10, ["10 of 20 labels are out of range: -1", "no label"]),
        ([0] * 20, ["one class, '0'", "18 training images"]),
        ([0] * 19 + [2_000_000], ["out of range: 2000000", "0 to 999999"]),
    ],
)
def test_labels_that_cannot_be_learned(rows, action, labels, texts):
    refused(action, rows(labels=labels), "a.parquet", *texts)


def test_a_label_that_only_validation_has(rows):
    held_out = rows([encoded(i) for i in range(4)], [0, 1, 2, 7], name="b.parquet").path
    refused(summarise, rows(validation_path=held_out), "b.parquet", "2 of 4 labels", "2, 7")


def test_labels_with_a_hole_are_fine(rows):
    assert inspect(rows(labels=[0, 3] * 10)).classes == ("0", "1", "2", "3")


def test_labels_beyond_the_names(tmp_path):
    names = {b"huggingface": b'{"info": {"features": {"label": {"names": ["a", "b"]}}}}'}
    images = [encoded(i) for i in range(4)]
    file = write_parquet(tmp_path / "a.parquet", images, [0, 1, 1, 2], names)
    refused(summarise, parquet(file), "1 of 4 labels are out of range: 2", "0 to 1")


def test_missing_labels(tmp_path):
    table = pa.table({"image": [encoded(0)] * 3, "label": pa.array([0, None, 1])})
    pq.write_table(table, tmp_path / "a.parquet")
    refused(summarise, parquet(str(tmp_path / "a.parquet")), "1 of 3 labels are missing")


def test_wrong_columns(rows, tmp_path):
    spec = rows()
    for fields, texts in (
        ({"image_column": "img"}, ["no column 'img'", "image: struct<bytes", "image_column"]),
        ({"label_column": "fine"}, ["no column 'fine'", "label: int64"]),
        ({"image_column": "label"}, ["column 'label' has the type int64, not struct<bytes"]),
        ({"label_column": "image"}, ["column 'image' has the type struct<bytes", "not integers"]),
    ):
        refused(summarise, parquet(spec.path, **fields), *texts)


def test_what_is_not_there(tmp_path):
    for path in (tmp_path / "no.parquet", tmp_path / "no"):
        refused(summarise, parquet(str(path)), str(path), "no such file or folder")
        refused(summarise, folder(str(path)), str(path), "no such folder")
    refused(summarise, parquet(str(tmp_path)), "no Parquet file in this folder")
    refused(summarise, folder(str(tmp_path)), "there is no folder `train`", "train/CLASS")
    (tmp_path / "train").mkdir()
    refused(summarise, folder(str(tmp_path)), "no class folders")
    (tmp_path / "text.parquet").write_text("not parquet at all")
    refused(summarise, parquet(str(tmp_path / "text.parquet")), "not a readable Parquet file")


def test_empty_splits(rows, tmp_path):
    refused(summarise, rows([], []), "the training split is empty: none of its files has a row")
    refused(summarise, rows(validation=0.001), "validation split is empty", "20 training")
    for name in ("ant", "bee"):
        (tmp_path / "train" / name).mkdir(parents=True)
    refused(summarise, folder(str(tmp_path)), "the training split is empty")


def test_a_class_that_only_validation_has(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "val" / "wasp").mkdir(parents=True)
    refused(summarise, folder(str(tmp_path)), "1 classes are not in train: wasp")


def test_limits_that_leave_one_class():
    refused(summarise, DigitsData(source="digits", limit=1), "all 1 training images", "one class")
    refused(summarise, SyntheticData(source="synthetic", limit=1), "one class")


def test_more_than_the_memory_holds():
    spec = SyntheticData(source="synthetic", images=1_000_000_000, size=1024, limit=None)
    refused(summarise, spec.model_copy(update={"images": 10_000_000}), "GiB", "limit")


def test_decoding_fuzzed_bytes_never_escapes():
    good = encoded(5, 32, kind="JPEG")
    for offset in range(0, len(good), 7):
        broken = good[:offset] + bytes([good[offset] ^ 0xFF]) + good[offset + 1 :]
        try:
            assert pixels.decode(broken, pixels.Form(3, 32)).shape == (3, 32, 32)
        except pixels.BadImage:
            continue


def test_grey_and_palette_images_fit_a_colour_set():
    sink = io.BytesIO()
    Image.new("P", (8, 8), 3).save(sink, "PNG")
    for data in (sink.getvalue(), encoded(1, mode="L")):
        assert pixels.decode(data, pixels.Form(3, 8)).shape == (3, 8, 8)
