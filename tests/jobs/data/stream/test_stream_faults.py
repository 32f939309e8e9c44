"""Broken images, dead and hanging decoders, a killed trainer: an error or the same batches."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from compound.jobs.data.batches import Share
from compound.jobs.data.stream.decode_worker import main as worker_main
from compound.schemas.errors import DataError
from tests.support.forked import forked
from tests.support.images_on_disk import folder_of, parquet_of
from tests.support.streamed_sources import same, source_of

SHARE = Share.of(8, 8, 0, 1)


def files(spec) -> list[Path]:
    return sorted(Path(spec.path, "train").rglob("*.jpg"))


def labels(batches) -> list[int]:
    return torch.cat([batch[1] for batch in batches]).tolist()


def test_a_bad_training_image_is_replaced_by_the_next(tmp_path):
    spec = folder_of(tmp_path / "bad").model_copy(update={"max_bad": 0.1})
    twin = folder_of(tmp_path / "twin")
    files(spec)[5].write_bytes(b"no image")
    files(spec)[6].write_bytes(b"")
    for bad in (5, 6):
        files(twin)[bad].write_bytes(files(twin)[7].read_bytes())
    source, twin_source = source_of(spec), source_of(twin)
    got, expected = list(source.training(0, 1, SHARE)), list(twin_source.training(0, 1, SHARE))
    assert labels(got) == labels(expected)
    differences = torch.cat(
        [(a[0] - b[0]).abs().mean((1, 2, 3)) for a, b in zip(got, expected, strict=True)]
    )
    assert (differences < 0.1).sum() >= 38, "mean and the changes of two images are others"
    halves = [list(source.training(0, 1, Share.of(8, 4, rank, 2))) for rank in range(2)]
    for whole, *parts in zip(got, *halves, strict=True):
        assert torch.equal(torch.cat([part[0] for part in parts]), whole[0])


def test_a_bad_validation_image_is_left_out(tmp_path):
    spec = folder_of(tmp_path).model_copy(update={"max_bad": 0.1})
    sorted(Path(spec.path, "val").rglob("*.jpg"))[3].write_bytes(b"no image")
    seen = labels(source_of(spec).validation(0, 1, 5))
    assert len(seen) == 11 and sum(seen) == 6


def test_too_many_bad_images_are_named(tmp_path):
    spec = folder_of(tmp_path)
    for file in files(spec)[:4]:
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"of 52 images cannot be decoded: train/ant/\d+\.jpg: not"):
        source_of(spec)


def test_a_file_that_vanishes_is_a_bad_image(tmp_path):
    spec = folder_of(tmp_path).model_copy(update={"max_bad": 0.1})
    source = source_of(spec)
    files(spec)[3].unlink()
    assert len(list(source.training(0, 1, SHARE))) == 5


@pytest.mark.parametrize("make", [folder_of, parquet_of])
def test_decoders_killed_in_mid_epoch_are_replaced(tmp_path, make):
    source = source_of(make(tmp_path))
    whole = list(source.training(0, 1, SHARE))
    got = []
    for batch in source.training(0, 1, SHARE):
        got.append(batch)
        if len(got) in (1, 3):
            for worker in list(source._dataset._pool.workers):
                worker.process.kill()  # one that was replaced in the meantime is gone already
    assert same(got, whole)


def test_a_pipe_in_place_of_an_image_is_named_and_waited_for_by_nobody(tmp_path):
    spec = folder_of(tmp_path)
    source = source_of(spec)
    file = files(spec)[9]
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(DataError, match="it is a pipe, not a file") as error:
        list(source.training(0, 1, SHARE))
    assert file.name in str(error.value)


def test_decoders_that_hang_are_replaced(tmp_path, monkeypatch):
    """Every decoder is stopped as soon as it starts, so it hangs over the image that it has."""
    source = source_of(folder_of(tmp_path))
    whole = list(source.training(0, 1, SHARE))
    monkeypatch.setattr("compound.jobs.data.stream.dispatch._HANGS", 0.5)
    monkeypatch.setattr("compound.jobs.data.stream.local_reader._PATIENCE", 0.2)
    ended = threading.Event()
    stopper = threading.Thread(target=stop_decoders, args=(source, ended))
    stopper.start()
    try:
        assert same(list(source.training(0, 1, SHARE)), whole)
    finally:
        ended.set()
        stopper.join()


def stop_decoders(source, ended):
    while not ended.wait(0.01):
        pool = getattr(source._dataset, "_pool", None)
        for worker in list(pool.workers) if pool else ():
            with suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGSTOP)


TRAINER = """
import sys, time
from tests.support.images_on_disk import ImageFolderData
from tests.support.streamed_sources import source_of
from compound.jobs.data.batches import Share

source = source_of(ImageFolderData(source="image_folder", path=sys.argv[1], memory="never"))
batches = source.training(0, 1, Share.of(8, 8, 0, 1))
next(batches)
print(*(worker.process.pid for worker in source._dataset._pool.workers), flush=True)
time.sleep(600)
"""


def test_decoders_end_with_a_killed_trainer(tmp_path):
    spec = folder_of(tmp_path)
    with forked("-c", TRAINER, spec.path) as trainer:
        workers = [int(word) for word in trainer.line().split()]
        assert len(workers) == 2 and all(alive(worker) for worker in workers)
        trainer.kill()
    deadline = time.monotonic() + 20
    while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(worker) for worker in workers)


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_the_decoder_needs_its_settings(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["worker", "{}"])
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(ValueError, match="parent"):
            worker_main()
    finally:
        signal.signal(signal.SIGINT, before)
