"""One job, begun, interrupted, resumed, failed: the store and the numbers afterwards."""

import itertools
import time
from pathlib import Path

import pytest
import torch

from compound.jobs.data.batches import Feeder
from compound.jobs.data.images import at_resolution
from compound.jobs.data.source import load
from compound.jobs.device_model import describe
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.data import ParquetData
from compound.schemas.job import DataRef, JobResult, TrainJob
from tests.support.small_jobs import DATA, science, small_job, weights

EVERYTHING = {
    "epochs": 4,
    "accumulate": 2,
    "optimizer": "rmsprop",
    "learning_rate": 0.02,
    "survival": 0.7,
    "dropout": 0.3,
    "ema": 0.95,
    "augment": {
        "crop": "resized",
        "policy": "randaugment",
        "cutout": 0.3,
        "mixup": 0.2,
        "cutmix": 1.0,
    },
    "central": 0.8,
}


@pytest.fixture
def store(tmp_path):
    return ArtifactStore.open(str(tmp_path / "store"))


@pytest.fixture(scope="module")
def data():
    return DataCache()


def finish(job: TrainJob, store: ArtifactStore, data: DataCache, close_after: int = 0):
    """Run a job to its end, or close it after an epoch; return rows and result."""
    epochs, rows = run(job, store, Process.single(), data), []
    while True:
        try:
            rows.append(next(epochs))
        except StopIteration as end:
            return rows, end.value
        if rows[-1].epoch == close_after:
            epochs.close()
            return rows, store.result(job.id)


def test_a_job_trains_and_leaves_everything_in_the_store(store, data):
    job = small_job(epochs=6, warmup_epochs=0, augment={"flip": False})
    rows, result = finish(job, store, data)
    assert [row.epoch for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.step for row in rows] == [3, 6, 9, 12, 15, 18]
    assert set(rows[0].metrics) == {
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "learning_rate",
        "images_per_second",
        "data_wait",
        "seconds",
    }
    assert all(0 < row.metrics["data_wait"] < 1 for row in rows)
    assert rows[-1].metrics["train_loss"] < rows[0].metrics["train_loss"]
    assert result.status == "done" and result.epochs == 6 and result.attempt == 1
    assert result.metrics == rows[-1].metrics
    assert store.result(job.id) == result
    assert store.rows(job.id) == rows


def test_a_result_tells_the_device_and_its_rows_the_step_time(store, data):
    job = small_job(epochs=1)
    rows, result = finish(job, store, data)
    assert result.device == describe("cpu", 1)
    step = job.recipe.batch / rows[0].metrics["images_per_second"]
    assert 0 < step < rows[0].metrics["seconds"]


def test_a_done_job_never_trains_again(store, data):
    job = small_job(epochs=1)
    _, result = finish(job, store, data)
    assert finish(job, store, data) == ([], result)


def test_the_same_job_gives_the_same_numbers(tmp_path, data):
    job = small_job(**EVERYTHING)
    stores = [ArtifactStore.open(str(tmp_path / name)) for name in "ab"]
    torch.manual_seed(123)
    one = finish(job, stores[0], data)
    torch.manual_seed(456)
    other = finish(job, stores[1], DataCache())
    assert science(one[0]) == science(other[0])
    assert weights(stores[0], job) == weights(stores[1], job)
    another = small_job(seed=1, **EVERYTHING)
    assert science(finish(another, stores[0], data)[0]) != science(one[0])


@pytest.mark.parametrize("recipe", [{"epochs": 4}, EVERYTHING], ids=["plain", "everything"])
def test_resume_is_bit_identical_after_every_epoch(tmp_path, data, recipe):
    job = small_job(**recipe)
    whole = ArtifactStore.open(str(tmp_path / "whole"))
    rows, _ = finish(job, whole, data)
    for epoch in (1, 2, 3):
        parts = ArtifactStore.open(str(tmp_path / f"cut-{epoch}"))
        before, stopped = finish(job, parts, data, close_after=epoch)
        assert stopped.status == "stopped" and stopped.cause.kind == "interrupted"
        after, done = finish(job, parts, DataCache())
        assert (done.status, done.attempt, done.epochs) == ("done", 2, 4)
        assert science(before + after) == science(rows)
        assert weights(parts, job) == weights(whole, job)


def test_closing_saves_an_epoch_that_was_not_due(store, data):
    job = small_job(epochs=5, checkpoint_every=4)
    finish(job, store, data, close_after=3)
    assert store.checkpoint(job.id).epoch == 3
    rows, result = finish(job, store, data)
    assert [row.epoch for row in rows] == [4, 5] and result.status == "done"


def test_closing_after_the_last_epoch_is_done(store, data):
    job = small_job(epochs=2)
    _, result = finish(job, store, data, close_after=2)
    assert (result.status, result.cause, result.epochs) == ("done", None, 2)


def test_a_diverging_job_is_a_result(store, data):
    job = small_job(learning_rate=100, clip_norm=None, warmup_epochs=0, weight_decay=1, epochs=60)
    rows, result = finish(job, store, data)
    assert result.status == "failed" and result.cause.kind == "diverged"
    assert f"in epoch {len(rows) + 1}" in result.cause.message
    assert result.epochs == len(rows)
    assert store.result(job.id) == result


def failed(job, store, data) -> JobResult:
    rows, result = finish(job, store, data)
    assert (rows, result.status) == ([], "failed")
    assert store.result(job.id) == result
    return result


def test_data_that_is_gone_or_has_changed(store, data):
    gone = DataRef(spec=ParquetData(source="parquet", path="/no/such.parquet"), fingerprint="0")
    cause = failed(small_job().model_copy(update={"data": gone}), store, data).cause
    assert cause.kind == "data" and "/no/such.parquet" in cause.message
    changed = DataRef(spec=DATA, fingerprint="0" * 16)
    cause = failed(small_job().model_copy(update={"data": changed}), store, data).cause
    assert cause.kind == "data" and "has changed" in cause.message


def test_a_network_for_other_images(store, data):
    job = small_job()
    other = job.architecture.model_copy(update={"num_classes": 2})
    cause = failed(job.model_copy(update={"architecture": other}), store, data).cause
    assert cause.kind == "data" and "2 classes" in cause.message


def test_a_batch_that_workers_cannot_share(store, data):
    cause = failed(small_job(batch=200, accumulate=200), store, data).cause
    assert "100 training images cannot be shared" in cause.message


def test_a_store_that_breaks_in_mid_run(store, data):
    job = small_job()
    epochs = run(job, store, Process.single(), data)
    next(epochs)
    folder = Path(store.uri, "jobs", job.id)
    folder.rename(folder.with_name("taken-away"))
    folder.write_text("in the way")
    with pytest.raises(StopIteration) as end:
        for _ in range(5):
            next(epochs)
    result = end.value.value
    assert result.status == "failed" and result.cause.kind == "storage"


def test_a_store_that_cannot_be_written_at_all(store, data):
    job = small_job()
    Path(store.uri, "jobs").write_text("in the way")
    rows, result = finish(job, store, data)
    assert rows == [] and result.cause.kind == "storage" and result.attempt == 0


def test_bfloat16_trains(store, data):
    rows, result = finish(small_job(precision="bfloat16", epochs=1), store, data)
    assert result.status == "done" and 0 < rows[0].metrics["train_loss"] < 5


def test_accuracy_is_that_of_the_averaged_weights(data):
    job = small_job(ema=0.9)
    images = data.at(job.data, 8)
    source = Feeder(images, job.recipe.augment, torch.device("cpu"))
    trainer = Trainer(job, source, Process.single())
    metrics = trainer.epoch(1)
    network = trainer.module.eval()
    with trainer.average.applied(), torch.no_grad():
        pixels = images.validation.float()
        scaled = (pixels - images.mean[:, None, None]) / images.deviation[:, None, None]
        right = network(scaled).argmax(1) == images.validation_labels
    assert metrics["validation_accuracy"] == pytest.approx(right.double().mean().item())


def test_a_job_at_another_resolution_trains_on_resized_images(store):
    job = small_job()
    larger = job.architecture.model_copy(update={"resolution": 12})
    cache = DataCache()
    job = job.model_copy(update={"architecture": larger})
    assert finish(job, store, cache)[1].status == "done"
    assert torch.equal(cache.at(job.data, 12).train, at_resolution(load(DATA), 12).train)


def test_the_draws_of_randaugment_are_those_of_the_jobs_revision(store, data):
    """An old job keeps its own, also when it is resumed; one of a newer version is refused."""
    job = small_job(epochs=2, augment={"policy": "randaugment"})
    new = job.model_copy(update={"revision": 1})
    finish(job, store, data, close_after=1)
    resumed, _ = finish(job, store, data)
    other = ArtifactStore.open(store.uri + "-whole")
    whole, _ = finish(job, other, data)
    assert science(resumed) == science(whole)[1:]
    assert science(finish(new, store, data)[0]) != science(whole)
    _, refused = finish(job.model_copy(update={"revision": 2}), store, data)
    assert refused.status == "failed"
    assert "has revision 2 of its augmentation" in refused.cause.message


def test_a_clock_that_goes_backwards_changes_no_order_and_no_duration(store, data, monkeypatch):
    """The wall clock is set back by an hour before every call: NTP, a resumed laptop."""
    hours = itertools.count()
    monkeypatch.setattr(time, "time", lambda: 2e9 - 3600 * next(hours))
    job = small_job(epochs=4)
    first, _ = finish(job, store, data, close_after=2)
    rest, result = finish(job, store, data)
    assert result.status == "done" and result.seconds >= 0
    rows = store.rows(job.id)
    assert [row.epoch for row in rows] == [1, 2, 3, 4]
    assert all(later.wall_time < row.wall_time for row, later in itertools.pairwise(rows))
    assert all(row.metrics["seconds"] > 0 for row in (*first, *rest))
    assert store.checkpoint(job.id).epoch == 4
