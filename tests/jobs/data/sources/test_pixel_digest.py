"""The same photographs have the same fingerprint of pixels, however they are stored."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from compound.jobs.data.source import opened
from compound.jobs.data.sources.pixel_digest import pixel_digest
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
