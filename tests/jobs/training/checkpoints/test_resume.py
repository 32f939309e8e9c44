"""Interrupted anywhere, and the same weights to the bit in the end."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from compound.jobs.data.source import summarise
from compound.jobs.run_job import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.manifest import GitState
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.environment import environment, git_state
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, JobRequest, Resources, TrainJob
from tests.support.forked import Forked, forked, run_forked
from tests.support.images_on_disk import folder_of
from tests.support.interrupted_jobs import (
    RECIPE,
    STEPS,
    Whole,
    attempt,
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
    return ["compound.jobs", str(path), "--store", str(folder / "store")]


def reached(store: ArtifactStore, job: TrainJob, step: int, child: Forked) -> bool:
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
        with forked(*command(job, tmp_path)) as child:
            if reached(store, job, step, child):
                child.kill()
                killed += child.wait() == -signal.SIGKILL
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
    with forked(*command(job, tmp_path)) as child:
        assert reached(store, job, 5, child)
        child.terminate()
        assert child.wait(60) == 130
    found, ended = store.checkpoint(job.id), store.result(job.id)
    assert found and found.epoch == 0 and found.epoch_step == found.step > 5
    assert ended and ended.status == "stopped" and f"step {found.step}" in str(ended.cause)


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
    spec = SyntheticData(source="synthetic", images=2000, validation_images=16, size=8)
    job = small_job(spec, epochs=2, batch=20, checkpoint_steps=7, ema=0.9)
    found = {}
    for name in ("cut", "whole"):
        folder = tmp_path / name
        folder.mkdir()
        words = command(job, folder, workers=2)
        store = ArtifactStore.open(str(folder / "store"))
        if name == "cut":
            with forked(*words, ranks=2) as child:
                assert reached(store, job, 14, child)
                child.terminate()
                child.wait(60)
            stopped = store.checkpoint(job.id)
            assert stopped and stopped.epoch_step % 7 == 0 and stopped.epoch_step
        run_forked(*words, ranks=2)
        taken = store.checkpoint(job.id)
        assert taken and taken.step == 200
        found[name] = taken.model()
    for name, tensor in found["whole"].items():
        if "running" in name:
            torch.testing.assert_close(found["cut"][name], tensor, rtol=1e-4, atol=1e-5)
        elif not name.endswith("num_batches_tracked"):
            assert torch.equal(found["cut"][name], tensor), name


def test_streamed_images_go_on_at_the_next_step(tmp_path: Path) -> None:
    spec = folder_of(tmp_path / "images").model_copy(update={"memory": "never"})
    job = small_job(epochs=2, batch=8)
    network = job.architecture.model_copy(update={"in_channels": 3, "num_classes": 2})
    ref = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    job = job.model_copy(update={"data": ref, "architecture": network})
    cut, whole = (ArtifactStore.open(str(tmp_path / name)) for name in ("cut", "whole"))
    rows, _ = attempt(job, whole, DataCache())
    before, stopped = attempt(job, cut, DataCache(), steps=rows[0].step + 2)
    assert stopped.status == "stopped" and stopped.epochs == 1
    after, done = attempt(job, cut, DataCache())
    assert done.status == "done" and science(before + after) == science(rows)
    assert weights(cut, job) == weights(whole, job)
