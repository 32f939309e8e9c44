"""The cache of decoded pixels: filled once, by whoever comes, and trusted only where it may be."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.data.batches import Share
from compound.jobs.data.stream.disk_cache import BAD, GOOD, Layout, RawCache
from tests.support.forked import forked
from tests.support.images_on_disk import folder_of, parquet_of
from tests.support.streamed_sources import in_memory, same, source_of

SHARE = Share.of(8, 8, 0, 1)
LAYOUT = Layout(rows=12, channels=2, side=3)


def everything(source) -> None:
    for epoch in (1, 2, 3):
        list(source.training(0, epoch, SHARE))
    list(source.validation(0, 1, 8))


def sealed(cache: Path) -> list[Path]:
    return list(cache.glob("*/complete.json"))


def wait_for(cache: Path) -> None:
    for _ in range(200):
        if sealed(cache):
            return
        time.sleep(0.05)
    raise AssertionError("the cache was never sealed")


@pytest.mark.parametrize("make", [folder_of, parquet_of])
def test_later_epochs_and_jobs_read_the_cache(tmp_path, make):
    spec = make(tmp_path / "data").model_copy(update={"cache": str(tmp_path / "cache")})
    memory, source = in_memory(spec), source_of(spec)
    everything(source)
    wait_for(tmp_path / "cache")
    later = source_of(spec)
    for file in Path(spec.path).rglob("*.*"):
        os.truncate(file, 0)
    for reader in (source, later):
        assert same(reader.training(5, 4, SHARE), memory.training(5, 4, SHARE))
        assert same(reader.validation(0, 1, 7), memory.validation(0, 1, 7))


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPOUND_CACHE", str(tmp_path / "cache"))
    spec = folder_of(tmp_path / "data")
    source_of(spec.model_copy(update={"cache": "off"}))
    assert not (tmp_path / "cache").exists()
    source_of(spec)
    assert len(list((tmp_path / "cache").glob("*/pixels.u8"))) == 1


def test_bad_images_are_remembered(tmp_path):
    changes = {"cache": str(tmp_path / "cache"), "max_bad": 0.1}
    spec = folder_of(tmp_path / "data").model_copy(update=changes)
    file = sorted(Path(spec.path, "train").rglob("*.jpg"))[5]
    good = file.read_bytes()
    file.write_bytes(b"no image".ljust(len(good)))
    everything(source_of(spec))
    wait_for(tmp_path / "cache")
    again = source_of(spec)
    assert same(again.training(0, 1, SHARE), source_of(spec).training(0, 1, SHARE))
    assert len(again._dataset.rows._bad) == 1


FILL = """
import sys, time
from pathlib import Path
from tests.support.images_on_disk import ImageFolderData
from tests.support.streamed_sources import source_of
from compound.jobs.data.batches import Share

spec = ImageFolderData(
    source="image_folder", path=sys.argv[1], memory="never", cache=sys.argv[2], decoders=1
)
source = source_of(spec)
rank, ready = int(sys.argv[4]), Path(sys.argv[3])
ready.joinpath(str(rank)).touch()
while len(list(ready.iterdir())) < 2:
    time.sleep(0.01)
for epoch in (1, 2, 3, 4):
    list(source.training(rank, epoch, Share.of(8, 8, 0, 1)))
    list(source.validation(0, 1, 8))
"""


def test_two_processes_fill_it_together(tmp_path):
    spec = folder_of(tmp_path / "data").model_copy(update={"cache": str(tmp_path / "cache")})
    ready = tmp_path / "ready"
    ready.mkdir()
    command = ("-c", FILL, spec.path, spec.cache, str(ready))
    with forked(*command, "0") as first, forked(*command, "1") as second:
        assert (first.wait(), second.wait()) == (0, 0), first.stderr + second.stderr
    source, memory = source_of(spec), in_memory(spec)
    assert (source._dataset.rows._cache.status == GOOD).mean() > 0.9
    assert same(source.training(9, 1, SHARE), memory.training(9, 1, SHARE))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_rows_come_back_as_they_were_written(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("raw")
    first, second = (RawCache.open(root, "key", LAYOUT) for _ in range(2))
    pixels = np.random.default_rng(0).integers(0, 256, (12, 2, 3, 3), dtype=np.uint8)
    rows = data.draw(st.lists(st.integers(0, 11), unique=True, max_size=12))
    for index, row in enumerate(rows):
        (first, second)[index % 2].write(row, pixels[row])
    if rows:
        out = np.empty((len(rows), 2, 3, 3), dtype=np.uint8)
        second.read(np.array(rows), out)
        assert np.array_equal(out, pixels[rows])
    assert sorted(np.flatnonzero(first.status == GOOD).tolist()) == sorted(rows)
    assert first.seal() == (len(rows) == 12) == bool(sealed(root))


def filled(root: Path) -> RawCache:
    cache = RawCache.open(root, "key", LAYOUT)
    for row in range(11):
        cache.write(row, np.full((2, 3, 3), row, np.uint8))
    cache.bad(11)
    return cache


def test_a_sealed_cache_is_found_again_and_a_damaged_one_is_begun_anew(tmp_path):
    assert filled(tmp_path).seal() and filled(tmp_path).seal()
    again = RawCache.open(tmp_path, "key", LAYOUT)
    assert again.status.tolist() == [GOOD] * 11 + [BAD]
    assert RawCache.open(tmp_path, "key", Layout(rows=13, channels=2, side=3)).status.sum() == 0
    assert not sealed(tmp_path)
    filled(tmp_path / "b").seal()
    os.truncate(tmp_path / "b" / "key" / "pixels.u8", 5)
    assert not RawCache.open(tmp_path / "b", "key", LAYOUT).status.any()


def test_what_was_begun_before_the_machine_last_started_is_not_trusted(tmp_path):
    filled(tmp_path)
    (partial,) = (folder for folder in tmp_path.iterdir() if folder.is_dir())
    partial.rename(tmp_path / "key.00000000")
    assert not RawCache.open(tmp_path, "key", LAYOUT).status.any()
    assert not (tmp_path / "key.00000000").exists()


def test_no_room_or_no_right_means_no_cache_and_a_warning(tmp_path, caplog):
    huge = Layout(rows=10**12, channels=3, side=224)
    assert RawCache.open(tmp_path, "key", huge) is None
    (tmp_path / "file").write_text("in the way")
    assert RawCache.open(tmp_path / "file", "key", LAYOUT) is None
    assert "GiB are needed" in caplog.text and "no cache of decoded images" in caplog.text
