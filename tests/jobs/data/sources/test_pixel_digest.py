"""The same photographs have the same fingerprint of pixels, however they are stored."""

import io
import json
from contextlib import redirect_stdout

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from compound.jobs.data.source import opened
from compound.jobs.data.sources.pixel_digest import pixel_digest
from compound.orchestrator.cli.specs import data as data_command
from tests.support.image_files import folder, parquet
from tests.support.pictures import encode, picture

CLASSES = ("ant", "bee")
NAMES = b'{"info": {"features": {"label": {"names": ["ant", "bee"]}}}}'


def digest(spec) -> str:
    choice = opened(spec.model_copy(update={"memory": "never"}))
    return pixel_digest([choice.train, choice.validation], choice.form, choice.info.classes)


def write_images(root, images):
    for number, data in enumerate(images):
        path = root / "train" / CLASSES[number % 2] / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder(str(root))


def write_rows(path, images):
    table = pa.table({"image": images, "label": [number % 2 for number in range(len(images))]})
    pq.write_table(table.replace_schema_metadata({b"huggingface": NAMES}), path)
    return parquet(str(path))


def test_a_folder_and_parquet_have_the_same(tmp_path):
    photographs = [encode(picture("RGB", n), "JPEG", 1 + n % 8) for n in range(24)]
    first = digest(write_images(tmp_path / "folder", photographs))
    assert digest(write_rows(tmp_path / "rows.parquet", photographs)) == first
    changed = [*photographs[:-1], encode(picture("RGB", 99), "JPEG")]
    assert digest(write_rows(tmp_path / "changed.parquet", changed)) != first


def test_another_container_of_the_same_pixels_has_the_same(tmp_path):
    files = [encode(picture("RGB", number), "PNG") for number in range(24)]
    stored = [encode(Image.open(io.BytesIO(data)), "TIFF") for data in files]
    assert digest(write_images(tmp_path / "png", files)) == digest(
        write_images(tmp_path / "tiff", stored)
    )


def test_the_name_of_a_class_counts(tmp_path):
    files = [encode(picture("RGB", number), "PNG") for number in range(24)]
    first = digest(write_images(tmp_path, files))
    (tmp_path / "train" / "ant").rename(tmp_path / "train" / "cat")
    assert digest(folder(str(tmp_path))) != first


def grey_photographs(number: int) -> np.ndarray:
    """Return so many grey images as uint8 (N, 8, 8)."""
    return np.random.default_rng(5).integers(0, 256, (number, 8, 8), dtype=np.uint8)


def write_idx(root, start: str, images: np.ndarray) -> None:
    labels = np.arange(len(images), dtype=np.uint8) % 2
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        shape = np.array(array.shape, dtype=">i4").tobytes()
        data = bytes((0, 0, 8, array.ndim)) + shape + array.tobytes()
        (root / f"{start}-{kind}-ubyte").write_bytes(data)


def test_the_same_photographs_as_idx_have_the_same(tmp_path):
    images = grey_photographs(40)
    write_idx(tmp_path, "train", images[:30])
    write_idx(tmp_path, "t10k", images[30:])
    for part, numbers in (("train", range(30)), ("test", range(30, 40))):
        for number in numbers:
            path = tmp_path / "folder" / part / str(number % 2) / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[number]).save(path)
    rows = [encode(Image.fromarray(image), "PNG") for image in images]
    table = pa.table({"image": rows, "label": [number % 2 for number in range(40)]})
    numbered = {b"huggingface": NAMES.replace(b"ant", b"0").replace(b"bee", b"1")}
    pq.write_table(table.replace_schema_metadata(numbered), tmp_path / "rows.parquet")
    specs = {
        "idx": {"source": "idx", "path": str(tmp_path)},
        "folder": {"source": "image_folder", "path": str(tmp_path / "folder")},
        "parquet": {"source": "parquet", "path": str(tmp_path / "rows.parquet")},
    }
    digests = {name: digest_of(tmp_path, spec) for name, spec in specs.items()}
    assert len(set(digests.values())) == 1, digests
    images[39, 0, 0] ^= 1
    write_idx(tmp_path, "t10k", images[30:])
    assert digest_of(tmp_path, specs["idx"]) != digests["idx"], "test images count too"


@pytest.mark.parametrize(
    "source", [{"source": "digits", "test": 0.1}, {"source": "synthetic", "test_images": 20}]
)
def test_every_source_has_one_that_the_split_does_not_change(tmp_path, source):
    first = digest_of(tmp_path, source)
    assert len(first) == 16
    again = {**source, "test": 0.3} if source["source"] == "digits" else source
    assert digest_of(tmp_path, again) == first


def digest_of(folder, source) -> str:
    """Return the digest that `compound data --json` prints."""
    spec = {"kind": "study", "name": "x", "data": source, "baseline": {"name": "resnet-18"}}
    path = folder / "spec.yaml"
    path.write_text(json.dumps(spec))
    printed = io.StringIO()
    with redirect_stdout(printed):
        data_command.data(path, [], None, as_json=True)
    return json.loads(printed.getvalue())["pixel_digest"]
