"""Disks that fill up, break or rot under a job: what is lost, and the numbers in the end."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend import local_files as local
from compound.jobs.store.backend import local_folders
from compound.jobs.training import job_recorder
from compound.jobs.training.data_cache import DataCache
from tests.support.interrupted_jobs import (
    RECIPE,
    After,
    Whole,
    attempt,
    drained,
    science,
    uninterrupted,
    weights,
)
from tests.support.small_jobs import small_job


@pytest.fixture(scope="module")
def data() -> DataCache:
    return DataCache()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: DataCache) -> Whole:
    return uninterrupted(tmp_path_factory.mktemp("whole"), data)


FILES = ("model.safetensors", "optimizer.safetensors", "state.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["flip", "cut"])
def test_a_damaged_checkpoint_costs_an_interval_and_no_number(
    tmp_path: Path,
    data: DataCache,
    whole: Whole,
    caplog: pytest.LogCaptureFixture,
    name: str,
    how: str,
) -> None:
    job, store = small_job(**RECIPE, checkpoint_steps=4), ArtifactStore.open(str(tmp_path))
    attempt(job, store, data, steps=27)
    bad, good = sorted(Path(store.uri).rglob(name), key=lambda path: path.stat().st_mtime_ns)[
        -1:-3:-1
    ]
    content = bytearray(bad.read_bytes())
    content[len(content) // 3] ^= 1
    bad.write_bytes(content if how == "flip" else content[:-1])
    _, done = attempt(job, store, data)
    assert str(bad) in caplog.text and good.parent.name in caplog.text
    assert done.status == "done" and weights(store, job) == whole[1]
    assert science(store.rows(job.id)) == whole[0]


class BrokenDisk:
    """The `os` of the local files, whose writes fail with an error while it is `broken`."""

    def __init__(self, number: int) -> None:
        self._number, self.broken = number, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return partial(self._call, real) if name in ("open", "write", "mkdir", "replace") else real

    def _call(self, real: Callable[..., Any], *given: Any) -> Any:
        reads = real is os.open and not given[1] & os.O_CREAT
        if self.broken and not reads:
            raise OSError(self._number, os.strerror(self._number))
        return real(*given)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
@pytest.mark.parametrize("steps", [12, 27, 40])
def test_a_store_that_breaks_in_mid_run_and_is_mended(
    tmp_path: Path,
    data: DataCache,
    whole: Whole,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    steps: int,
) -> None:
    job, store = small_job(**RECIPE, checkpoint_steps=4), ArtifactStore.open(str(tmp_path))
    disk = BrokenDisk(number)
    monkeypatch.setattr(local, "os", disk)
    monkeypatch.setattr(local_folders, "os", disk)
    taken = After(steps)

    def stopping() -> bool:
        disk.broken = disk.broken or taken()
        return False

    _, failed = drained(run(job, store, Process.single(), data, stopping=stopping))
    assert failed.status == "failed" and failed.cause and failed.cause.kind == "storage"
    disk.broken = False
    found = store.checkpoint(job.id)
    assert found and found.step >= steps - 8
    audit = store.audit([job.id], [])
    assert audit.damaged == ()
    _, done = attempt(job, store, data)
    assert (done.status, done.attempt) == ("done", 2) and weights(store, job) == whole[1]
    assert science(store.rows(job.id)) == whole[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room, which only root can have."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], capture_output=True
    )
    if not made or made.returncode or not unmount:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path, data: DataCache, whole: Whole) -> None:
    job, store = small_job(**RECIPE, checkpoint_steps=4), ArtifactStore.open(str(small_disk))
    taken, filler = After(15), small_disk / "filler"

    def stopping() -> bool:
        if taken():
            free = shutil.disk_usage(small_disk).free
            filler.write_bytes(bytes(free))
        return False

    _, failed = drained(run(job, store, Process.single(), data, stopping=stopping))
    assert failed.cause and failed.cause.kind == "storage" and "no space" in failed.cause.message
    found = store.checkpoint(job.id)
    assert found and found.step in (10, 14) and store.audit([job.id], []).damaged == ()
    filler.unlink()
    _, done = attempt(job, store, data)
    assert done.status == "done" and weights(store, job) == whole[1]


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_a_store_that_vanishes_ends_the_job_before_the_next_checkpoint(
    tmp_path: Path, data: DataCache, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(job_recorder, "_LOOK_S", 0.0)
    store = ArtifactStore.open(str(tmp_path / "runs"))
    work = run(small_job(epochs=40, checkpoint_every=40), store, Process.single(), data)
    assert next(work).epoch == 1
    root = Path(store.uri)
    root.rename(tmp_path / "elsewhere") if how == "moved" else shutil.rmtree(root)
    with pytest.raises(StopIteration) as ended:
        next(work)
    result = ended.value.value
    assert result.status == "failed" and result.epochs == 1
    assert result.cause.kind == "storage" and "deleted or moved" in result.cause.message
    assert not root.exists(), "nothing makes it again"
