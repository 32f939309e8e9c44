"""Any change of any pixel changes the fingerprint, of images too that no sample looks at."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compound.jobs.data.source import opened, summarise
from compound.jobs.data.sources.sampled_form import SAMPLES, evenly
from tests.support.data_inputs import idx_of
from tests.support.image_files import encoded, folder, parquet, write_folder, write_parquet
from tests.support.pictures import encode

IMAGES = 230
"""More than are sampled."""


def changed(data: bytes) -> bytes:
    """Return an image with one pixel changed by one level."""
    pixels = np.array(Image.open(io.BytesIO(data)))
    pixels[3, 3] ^= 1
    return encode(Image.fromarray(pixels), "PNG")


def turned(data: bytes) -> bytes:
    """Return the same image with a tag that turns it: a viewer shows other pixels."""
    return encode(Image.open(io.BytesIO(data)), "PNG", orientation=6)


@pytest.fixture
def photos(tmp_path: Path) -> str:
    return write_folder(tmp_path / "photos", IMAGES // 2)


def unsampled(spec) -> list[str]:
    """Return the names of training images that the sample leaves out."""
    train = opened(spec.model_copy(update={"memory": "never"})).train
    rest = np.setdiff1d(train.indices, evenly(train.indices, SAMPLES))
    assert len(rest) >= 10
    return [train.listing.name(int(index)) for index in rest]


@pytest.mark.parametrize("change", [changed, turned])
def test_of_a_folder(photos, change):
    spec, names = folder(photos), unsampled(folder(photos))
    fingerprints = {summarise(spec).fingerprint}
    for name in names[:4]:
        file = Path(photos) / name
        file.write_bytes(change(file.read_bytes()))
        fingerprints.add(summarise(spec).fingerprint)
    assert len(fingerprints) == 5


@pytest.mark.parametrize("change", [changed, turned])
def test_of_parquet(tmp_path, change):
    images = [encoded(number) for number in range(IMAGES)]
    labels = [0, 1] * (IMAGES // 2)
    path = write_parquet(tmp_path / "a.parquet", images, labels)
    fingerprints = {summarise(parquet(path)).fingerprint}
    rows = [int(name.rpartition(" ")[2]) for name in unsampled(parquet(path))]
    for row in rows[:4]:
        images[row] = change(images[row])
        write_parquet(tmp_path / "a.parquet", images, labels)
        fingerprints.add(summarise(parquet(path)).fingerprint)
    assert len(fingerprints) == 5


def test_of_an_image_beyond_the_limit(photos):
    spec = folder(photos, limit=20)
    before = summarise(spec).fingerprint
    listed = opened(spec.model_copy(update={"memory": "never"}))
    unused = np.setdiff1d(np.arange(IMAGES), listed.train.indices)
    file = Path(photos) / listed.train.listing.name(int(unused[-1]))
    file.write_bytes(changed(file.read_bytes()))
    assert summarise(spec).fingerprint != before


def test_of_files_of_mnist(tmp_path):
    spec = idx_of(tmp_path, "train:40")
    (file,) = tmp_path.glob("*images*")
    data, fingerprints = bytearray(file.read_bytes()), {summarise(spec).fingerprint}
    for position in (16, 700, len(data) - 1):
        data[position] ^= 1
        file.write_bytes(data)
        fingerprints.add(summarise(spec).fingerprint)
    assert len(fingerprints) == 4
