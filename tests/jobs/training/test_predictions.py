"""The stored predictions are exactly what the stored accuracy counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compound.jobs.data.source import evaluated_part, load, summarise
from compound.jobs.run_job import Process, run, run_request
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.predictions import Predictions
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.job_recorder import JobRecorder
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, JobRequest, JobResult, Resources, TrainJob
from compound.schemas.metrics import ACCURACY, TEST_ACCURACY
from tests.support.images_on_disk import folder_of
from tests.support.interrupted_jobs import drained
from tests.support.sharded_ranks import Run, on_ranks
from tests.support.small_jobs import small_job

DATA = SyntheticData(
    source="synthetic", images=96, validation_images=33, test_images=41, size=8, num_classes=4
)
RECIPES = {
    "plain": {},
    "average": {"ema": 0.9, "accumulate": 2},
    "bfloat16": {"precision": "bfloat16"},
    "central": {"central": 0.7, "augment": {"crop": "resized"}},
}


@pytest.fixture(scope="module")
def cache() -> DataCache:
    return DataCache()


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(tmp_path / "store"))


def job_of(**recipe: Any) -> TrainJob:
    return small_job(DATA, **{"epochs": 2, **recipe})


def finished(job: TrainJob, store: ArtifactStore, cache: DataCache) -> int:
    """Train a job to its end; return the epochs that this took."""
    rows, result = drained(run(job, store, Process.single(), cache))
    assert result.status == "done"
    return len(rows)


def kept(job: TrainJob, store: ArtifactStore) -> Predictions:
    """Return a job's predictions, whose right answers are the stored accuracy to the bit."""
    predictions = store.predictions([job.id])[job.id]
    accuracy = int(predictions.right.sum()) / len(predictions.right)
    assert accuracy == store.rows(job.id)[-1].metrics[ACCURACY]
    return predictions


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_they_are_what_the_accuracy_counts(
    recipe: dict[str, Any], store: ArtifactStore, cache: DataCache
) -> None:
    job = job_of(**recipe)
    finished(job, store, cache)
    predictions = kept(job, store)
    assert predictions.image.tolist() == list(range(33))
    assert predictions.label.tolist() == load(DATA).validation_labels.tolist()


def test_a_streamed_part_leaves_out_what_cannot_be_decoded(
    store: ArtifactStore, tmp_path: Path
) -> None:
    spec = folder_of(tmp_path / "images")
    broken = sorted((tmp_path / "images" / "val").rglob("*.jpg"))[1]
    broken.write_bytes(broken.read_bytes()[:200])
    spec = spec.model_copy(update={"max_bad": 0.5})
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    job = small_job(epochs=1, batch=8).model_copy(update={"data": data})
    finished(job, store, DataCache())
    predictions = kept(job, store)
    assert 1 not in predictions.image
    assert len(predictions.image) == summarise(spec).validation - 1


def test_a_job_whose_end_was_not_written_has_them_too(
    store: ArtifactStore, cache: DataCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(JobRecorder, "end", interrupted)
        list(run(job, store, Process.single(), cache))
    assert not store.predictions([job.id])
    assert finished(job, store, cache) == 0, "every epoch was trained before"
    assert kept(job, store).image.tolist() == list(range(33))


def interrupted(recorder: JobRecorder) -> JobResult:
    raise KeyboardInterrupt


def test_ranks_gather_them_in_the_order_of_the_images(tmp_path: Path) -> None:
    job = job_of(epochs=1, batch=8)
    places = {sharded: str(tmp_path / f"sharded-{sharded}") for sharded in (False, True)}
    runs = [Run(job=job, store=place, sharded=sharded) for sharded, place in places.items()]
    assert [ended.result.status for ended in on_ranks(tmp_path, *runs)] == ["done", "done"]
    for place in places.values():
        predictions = kept(job, ArtifactStore.open(place))
        assert predictions.image.tolist() == list(range(33))
        assert predictions.label.tolist() == load(DATA).validation_labels.tolist()


def test_a_longer_schedule_keeps_its_own(store: ArtifactStore, cache: DataCache) -> None:
    short, long = job_of(epochs=1), job_of(epochs=2)
    finished(short, store, cache)
    before = kept(short, store)
    list(run(long, store, Process.single(), cache, continues=short.id))
    kept(long, store)
    assert all(np.array_equal(*pair) for pair in zip(before, kept(short, store), strict=True))


def test_the_test_part_has_its_own_by_part_and_weights(
    store: ArtifactStore, cache: DataCache
) -> None:
    job, content = job_of(), evaluated_part(DATA).content
    finished(job, store, cache)
    request = JobRequest(job=job, resources=Resources(gpus=0), evaluates=content)
    _, result = drained(run_request(request, store, Process.single(), cache))
    weights = store.checkpoints(job.id)[-1].weights
    predictions = store.test_predictions(job.id).read(content, weights)
    assert predictions is not None
    assert int(predictions.right.sum()) / 41 == result.metrics[TEST_ACCURACY]
    assert store.test_predictions(job.id).read("0" * 16, weights) is None
    kept(job, store)
