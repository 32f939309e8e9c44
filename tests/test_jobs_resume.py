"""Interrupted anywhere, and the same weights to the bit in the end."""

import errno
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from small_jobs import small_job

from jobs.data.cache import DataCache
from jobs.environment import environment, git_state
from jobs.run import Process, run
from jobs.store import local
from jobs.store.artifacts import ArtifactStore
from jobs.store.manifest import GitState
from schemas.data import SyntheticData
from schemas.job import EpochRow, JobRequest, JobResult, Resources, TrainJob

RECIPE = {
    "epochs": 4,
    "batch": 10,
    "accumulate": 2,
    "optimizer": "rmsprop",
    "learning_rate": 0.02,
    "survival": 0.7,
    "dropout": 0.3,
    "ema": 0.95,
    "augment": {"cutout": 0.3},
}
STEPS = 10
"""Of an epoch: 100 images by batches of 10."""

TIMING = {"seconds", "images_per_second", "data_wait"}


class After:
    """Asks to stop after so many steps of a process."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left == 0


@pytest.fixture(scope="module")
def data() -> DataCache:
    return DataCache()


def attempt(
    job: TrainJob, store: ArtifactStore, data: DataCache, steps: int = 0
) -> tuple[list[EpochRow], JobResult]:
    """Train until the job ends or so many steps are over; return the new rows and the result."""
    return drained(run(job, store, Process.single(), data, stopping=After(steps)))


def drained(epochs: Generator[EpochRow, None, JobResult]) -> tuple[list[EpochRow], JobResult]:
    rows = []
    while True:
        try:
            rows.append(next(epochs))
        except StopIteration as end:
            return rows, end.value


def weights(store: ArtifactStore, job: TrainJob) -> str:
    """Hash all tensors of a job's last checkpoint: network, average and optimiser."""
    found = store.checkpoint(job.id)
    assert found
    digest = hashlib.sha256()
    for name, tensor in sorted({**found.model(), **found.optimizer()}.items()):
        digest.update(
            name.encode() + bytes(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
        )
    return digest.hexdigest()


def science(rows: list[EpochRow]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.metrics.items() if k not in TIMING} for row in rows]


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, data: DataCache
) -> tuple[list[dict[str, float]], str]:
    """The rows and the weights of a job that nothing interrupts."""
    job, store = small_job(**RECIPE), ArtifactStore.open(str(tmp_path_factory.mktemp("whole")))
    rows, result = attempt(job, store, data)
    assert result.status == "done" and rows[-1].step == 4 * STEPS
    return science(rows), weights(store, job)


Whole = tuple[list[dict[str, float]], str]


@pytest.mark.parametrize("steps", [1, 9, 10, 13, 38])
def test_a_job_stopped_after_any_step_ends_as_if_it_had_not_been(
    tmp_path: Path, data: DataCache, whole: Whole, steps: int
) -> None:
    job, store = small_job(**RECIPE), ArtifactStore.open(str(tmp_path))
    before, stopped = attempt(job, store, data, steps)
    assert stopped.status == "stopped" and stopped.cause and stopped.cause.kind == "interrupted"
    assert stopped.epochs == (steps - 1) // STEPS and f"step {steps - 10 * stopped.epochs}" in str(
        stopped.cause.message
    )
    found = store.checkpoint(job.id)
    assert found and found.step == steps
    after, done = attempt(job, store, data)
    assert (done.status, done.attempt, done.epochs) == ("done", 2, 4)
    assert science(before + after) == whole[0]
    assert weights(store, job) == whole[1]
    assert [row.epoch for row in store.rows(job.id)] == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_fifty_interruptions_in_ten_runs(
    tmp_path: Path, data: DataCache, whole: Whole, seed: int
) -> None:
    """Each run is stopped after five random steps, not one of them after an epoch only."""
    job, store = small_job(**RECIPE), ArtifactStore.open(str(tmp_path))
    points = sorted(random.Random(seed).sample(range(1, 4 * STEPS), 5))
    rows = []
    for before, point in zip([0, *points], points, strict=False):
        more, stopped = attempt(job, store, DataCache(), point - before)
        assert stopped.status == "stopped"
        rows += more
    more, done = attempt(job, store, data)
    assert (done.status, done.attempt) == ("done", 6)
    assert science(rows + more) == whole[0] and weights(store, job) == whole[1]


def test_checkpoints_inside_epochs_change_no_number(
    tmp_path: Path, data: DataCache, whole: Whole
) -> None:
    job, store = small_job(**RECIPE, checkpoint_steps=3), ArtifactStore.open(str(tmp_path))
    assert job.id == small_job(**RECIPE).id
    rows, _ = attempt(job, store, data)
    assert science(rows) == whole[0] and weights(store, job) == whole[1]


def command(job: TrainJob, folder: Path, workers: int = 1) -> list[str]:
    path = folder / "job.json"
    resources = Resources(workers=workers, gpus=0)
    path.write_text(JobRequest(job=job, resources=resources).model_dump_json())
    return [sys.executable, "-m", "jobs", str(path), "--store", str(folder / "store")]


def reached(store: ArtifactStore, job: TrainJob, step: int, child: subprocess.Popen[bytes]) -> bool:
    """Wait until a child's checkpoints have come to a step; False if it ended before."""
    while child.poll() is None:
        found = store.checkpoint(job.id)
        if found and found.step >= step:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_with_9_again_and_again(tmp_path: Path, data: DataCache, whole: Whole) -> None:
    """A kill loses at most the steps of one interval, and changes nothing in the end."""
    job = small_job(**RECIPE, checkpoint_steps=2)
    store, killed = ArtifactStore.open(str(tmp_path / "store")), 0
    for step in (3, 12, 25, 33):
        with subprocess.Popen(command(job, tmp_path), stderr=subprocess.DEVNULL) as child:
            if reached(store, job, step, child):
                child.kill()
                killed += 1
        found = store.checkpoint(job.id)
        assert found and found.step >= step
    _, done = attempt(job, store, data)
    assert done.status == "done" and killed >= 2 and weights(store, job) == whole[1]
    assert [row.epoch for row in store.rows(job.id)] == [1, 2, 3, 4]
    assert science(store.rows(job.id)) == whole[0]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sigterm_stops_a_lone_process_within_an_epoch(tmp_path: Path) -> None:
    spec = SyntheticData(source="synthetic", images=20_000, validation_images=16, size=8)
    job = small_job(spec, epochs=1, batch=10, checkpoint_steps=5)
    store = ArtifactStore.open(str(tmp_path / "store"))
    with subprocess.Popen(command(job, tmp_path), stderr=subprocess.DEVNULL) as child:
        assert reached(store, job, 5, child)
        child.terminate()
        assert child.wait(60) == 130
    found, ended = store.checkpoint(job.id), store.result(job.id)
    assert found and found.epoch == 0 and found.epoch_step == found.step > 5
    assert ended and ended.status == "stopped" and f"step {found.step}" in str(ended.cause)


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


def test_every_attempt_is_on_record(tmp_path: Path, data: DataCache) -> None:
    job, store = small_job(**RECIPE), ArtifactStore.open(str(tmp_path))
    attempt(job, store, data, steps=5)
    attempt(job, store, data)
    attempts = store.state(job.id).attempts
    assert [one.attempt for one in attempts] == [1, 2]
    for one in attempts:
        found = one.environment
        assert one.pid == os.getpid() and found
        assert found.torch == torch.__version__ and found.threads == 1
        assert found.device == Process.single().name
        assert found.job_sha256 == hashlib.sha256(job.model_dump_json().encode()).hexdigest()


def test_the_checkout_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("no git")
    monkeypatch.chdir(tmp_path)
    assert environment(small_job(), Process.single()).git is None
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "spec.yaml").write_text("a")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "A"]):
        subprocess.run([git, *words], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    asked = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    clean = git_state.__wrapped__(str(folder))
    assert clean == GitState(commit=asked.stdout.strip(), dirty=False)
    (folder / "spec.yaml").write_text("b")
    assert git_state.__wrapped__(str(folder)) == clean.model_copy(update={"dirty": True})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_ranks_stop_and_go_on_inside_an_epoch(tmp_path: Path) -> None:
    """The network is the same to the bit; batch norm's statistics differ in rounding only."""
    spec = SyntheticData(source="synthetic", images=4000, validation_images=16, size=8)
    job = small_job(spec, epochs=2, batch=20, checkpoint_steps=7, ema=0.9)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    found = {}
    for name in ("cut", "whole"):
        folder = tmp_path / name
        folder.mkdir()
        words = command(job, folder, workers=2)
        words[1:1] = launcher
        store = ArtifactStore.open(str(folder / "store"))
        if name == "cut":
            with subprocess.Popen(words, stderr=subprocess.DEVNULL) as child:
                assert reached(store, job, 14, child)
                child.terminate()
                child.wait(60)
            stopped = store.checkpoint(job.id)
            assert stopped and stopped.epoch_step % 7 == 0 and stopped.epoch_step
        subprocess.run(words, check=True, capture_output=True, timeout=200)
        taken = store.checkpoint(job.id)
        assert taken and taken.step == 400
        found[name] = taken.model()
    for name, tensor in found["whole"].items():
        if "running" in name:
            torch.testing.assert_close(found["cut"][name], tensor, rtol=1e-4, atol=1e-5)
        elif not name.endswith("num_batches_tracked"):
            assert torch.equal(found["cut"][name], tensor), name
