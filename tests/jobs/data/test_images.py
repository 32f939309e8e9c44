"""Resizing, channel statistics, and what a warm process keeps."""

import numpy as np
import pytest
import torch

from compound.jobs.data.images import at_resolution, resize, statistics
from compound.jobs.data.pixels.decode import BadImage, Form, decode
from compound.jobs.data.source import load, summarise
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import DataError
from compound.schemas.job import DataRef
from tests.support.images_on_disk import jpeg
from tests.support.small_jobs import DATA

REF = DataRef(spec=DATA, fingerprint=summarise(DATA).fingerprint)


def test_resizing_in_chunks_is_resizing_at_once(monkeypatch):
    images = torch.randint(0, 256, (50, 3, 12, 12), dtype=torch.uint8)
    whole = resize(images, 20)
    monkeypatch.setattr("compound.jobs.data.images._CHUNK_VALUES", 3 * 20 * 20 * 7)
    assert torch.equal(resize(images, 20), whole)
    assert resize(images, 12) is images


def test_shrinking_is_antialiased():
    stripes = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    stripes[..., ::2] = 255
    inner = resize(stripes, 8)[..., 1:-1]
    assert ((inner > 120) & (inner < 136)).all()


def test_statistics_are_exact():
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 5, 5), dtype=np.uint8)
    images[:, 2] = 9
    mean, deviation = statistics(torch.from_numpy(images))
    assert mean.numpy() == pytest.approx(images.mean((0, 2, 3)), rel=1e-6)
    assert deviation.numpy()[:2] == pytest.approx(images.std((0, 2, 3))[:2], rel=1e-6)
    assert deviation[2] == 1, "a constant channel must not divide by zero"


def test_cache_reads_once_and_resizes_once():
    cache = DataCache()
    first = cache.at(REF, 12)
    assert cache.at(REF, 12) is first
    assert cache.at(REF, 8).train.shape[-1] == 8
    assert cache.at(REF, 12) is first
    assert cache.dataset(REF) is cache.dataset(REF)


def test_cache_lets_the_oldest_resolution_go():
    cache = DataCache(max_bytes=at_resolution(load(DATA), 12).bytes * 2)
    first, second = cache.at(REF, 12), cache.at(REF, 11)
    assert cache.at(REF, 12) is first
    cache.at(REF, 10)
    assert cache.at(REF, 12) is first
    assert cache.at(REF, 11) is not second


def test_changed_data_is_refused():
    with pytest.raises(DataError, match="has changed since the job was planned"):
        DataCache().at(DataRef(spec=DATA, fingerprint="0" * 16), 8)


@pytest.mark.parametrize("side", [33, 200])
def test_the_quick_decoder_gives_the_same_pixels(side, monkeypatch):
    pytest.importorskip("simplejpeg")
    data = jpeg(3, side)
    forms = [Form(3, side), Form(3, side // 2 + 1)]
    quick = [decode(data, form) for form in forms]
    with pytest.raises(BadImage):
        decode(data[: len(data) // 2], forms[0])
    monkeypatch.setattr("compound.jobs.data.pixels.decode.simplejpeg", None)
    assert all(
        np.array_equal(decode(data, form), fast) for form, fast in zip(forms, quick, strict=True)
    )
