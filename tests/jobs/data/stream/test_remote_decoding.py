"""Images decoded elsewhere make the batches that images decoded here make."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from compound.jobs.data.batches import Share
from compound.jobs.data.stream.remote_decoding import (
    Part,
    RemoteSettings,
)
from compound.schemas.errors import DataError
from tests.support.images_on_disk import folder_of, parquet_of
from tests.support.remote_sources import NextDoor, source_of
from tests.support.streamed_sources import same

SHARE = Share.of(8, 4, 0, 1)


@pytest.mark.parametrize("resolution", [16, 12])
def test_a_folder(tmp_path: Path, resolution: int) -> None:
    spec = folder_of(tmp_path)
    here, far = source_of(spec, None, resolution), source_of(spec, NextDoor(), resolution)
    for epoch, step in ((1, 0), (2, 3)):
        assert same(here.training(7, epoch, SHARE, step), far.training(7, epoch, SHARE, step))
        assert same(here.validation(0, 1, 5), far.validation(0, 1, 5))


@pytest.mark.parametrize("rank", [0, 1])
def test_parquet_beyond_the_buffer_for_each_rank(tmp_path: Path, rank: int) -> None:
    spec = parquet_of(tmp_path).model_copy(update={"buffer": 32})
    here, far, share = source_of(spec), source_of(spec, NextDoor()), Share.of(16, 4, rank, 2)
    for epoch in (1, 2):
        assert same(here.training(7, epoch, share), far.training(7, epoch, share))
    assert same(here.validation(rank, 2, 5), far.validation(rank, 2, 5))


def test_bad_images_are_replaced_or_left_out_as_they_are_here(tmp_path: Path) -> None:
    spec = folder_of(tmp_path).model_copy(update={"max_bad": 0.2})
    for name in ("train/ant/000004.jpg", "train/bee/000005.jpg", "val/ant/000002.jpg"):
        (tmp_path / name).write_bytes(b"no image")
    here, far = source_of(spec), source_of(spec, NextDoor())
    assert same(here.training(7, 1, SHARE), far.training(7, 1, SHARE))
    assert same(here.validation(0, 1, 5), far.validation(0, 1, 5))


def test_too_many_bad_images_end_it_with_their_names(tmp_path: Path) -> None:
    spec = folder_of(tmp_path)
    far = source_of(spec, NextDoor())
    for number in (4, 6, 8):
        (tmp_path / f"train/ant/{number:06}.jpg").unlink()
    with pytest.raises(DataError, match=r"ant/00000\d.jpg: No such file or directory"):
        list(far.training(7, 1, SHARE))


def test_what_the_cache_has_is_not_asked_for_again(tmp_path: Path) -> None:
    spec = folder_of(tmp_path / "images").model_copy(update={"cache": str(tmp_path / "cache")})
    plain = spec.model_copy(update={"cache": "off"})
    next_door = NextDoor()
    here, far = source_of(plain), source_of(spec, next_door)
    assert same(here.training(7, 1, SHARE), far.training(7, 1, SHARE))
    assert same(here.validation(0, 1, 5), far.validation(0, 1, 5))
    assert next_door.asked == 40 + 12
    assert same(here.training(7, 2, SHARE), far.training(7, 2, SHARE))
    assert next_door.asked == 40 + 12


def test_an_epoch_that_is_left_ends_the_work_elsewhere(tmp_path: Path) -> None:
    class Noting(NextDoor):
        ended = False

        def parts(self, spots: pa.Table, terms: RemoteSettings) -> Iterator[Part]:
            try:
                yield from super().parts(spots, terms)
            finally:
                self.ended = True

    noting = Noting()
    source = source_of(folder_of(tmp_path, train=400), noting)
    noting.ended = False
    batches = source.training(7, 1, SHARE)
    next(batches)
    assert not noting.ended
    batches.close()
    assert noting.ended
