"""An evaluation of stored weights: the numbers of the training loop, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from compound.jobs.data.source import evaluated_part, summarise
from compound.jobs.data.sources import digits, synthetic
from compound.jobs.evaluate_job import held_out_sums
from compound.jobs.run_job import Process, run_request
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.data import DataSpec, DigitsData, SyntheticData
from compound.schemas.job import DataRef, JobRequest, JobResult, Resources
from compound.schemas.metrics import ACCURACY, TEST_ACCURACY, TEST_IMAGES, TEST_LOSS
from tests.support.images_on_disk import folder_of
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


def carried_out(request: JobRequest, store: ArtifactStore, cache: DataCache) -> JobResult:
    rows = run_request(request, store, Process.single(), cache)
    while True:
        try:
            next(rows)
        except StopIteration as end:
            result: JobResult = end.value
            return result


def request_of(data: DataSpec = DATA, **recipe: Any) -> JobRequest:
    return JobRequest(job=small_job(data, **{"epochs": 2, **recipe}), resources=Resources(gpus=0))


def evaluating(request: JobRequest) -> JobRequest:
    content = evaluated_part(request.job.data.spec).content
    return request.model_copy(update={"evaluates": content})


def check_stored_row(request: JobRequest, store: ArtifactStore, cache: DataCache) -> None:
    """The stored row of the last epoch has these sums of the validation images, to the bit."""
    loss, correct, images = held_out_sums(request, store, Process.single(), cache, "validation")
    metrics = store.rows(request.job.id)[-1].metrics
    assert (correct / images, loss / images) == (metrics[ACCURACY], metrics["validation_loss"])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_validation_by_this_code_is_the_stored_row_bit_for_bit(
    recipe: dict[str, Any], store: ArtifactStore, cache: DataCache
) -> None:
    request = request_of(**recipe)
    assert carried_out(request, store, cache).status == "done"
    check_stored_row(request, store, cache)


def test_streamed_validation_is_the_stored_row_too(tmp_path: Path, store: ArtifactStore) -> None:
    spec = folder_of(tmp_path / "images")
    streamed = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    job = small_job(epochs=1, batch=8).model_copy(update={"data": streamed})
    request, cache = JobRequest(job=job, resources=Resources(gpus=0)), DataCache()
    assert carried_out(request, store, cache).status == "done"
    check_stored_row(request, store, cache)


def test_an_evaluation_returns_numbers_of_every_test_image_and_writes_one_file(
    store: ArtifactStore, cache: DataCache
) -> None:
    request = request_of()
    trained = carried_out(request, store, cache)
    before = {path: path.stat().st_mtime_ns for path in Path(store.uri).rglob("*")}
    result = carried_out(evaluating(request), store, cache)
    assert (result.status, result.job, result.cause) == ("done", request.job.id, None)
    assert set(result.metrics) == {TEST_ACCURACY, TEST_LOSS, TEST_IMAGES}
    assert result.metrics[TEST_IMAGES] == DATA.test_images
    assert result.metrics[TEST_ACCURACY] * 41 == pytest.approx(
        round(result.metrics[TEST_ACCURACY] * 41)
    )
    after = {path: path.stat().st_mtime_ns for path in Path(store.uri).rglob("*")}
    (kept,) = after.keys() - before.keys()
    assert kept.name.startswith("test-")
    folder = kept.parent
    assert {path: at for path, at in after.items() if path not in (kept, folder)} == {
        path: at for path, at in before.items() if path != folder
    }
    assert store.result(request.job.id) == trained
    assert carried_out(evaluating(request), store, DataCache()).metrics == result.metrics
    assert list(folder.glob("test-*")) == [kept], "the same content has the same name"


def test_training_makes_no_test_image(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make = [], synthetic._images

    def recorded(spec: SyntheticData, patterns: Any, labels: Any, part: int) -> Any:
        made.append(part)
        return make(spec, patterns, labels, part)

    monkeypatch.setattr(synthetic, "_images", recorded)
    request, cache = request_of(epochs=1), DataCache()
    carried_out(request, store, cache)
    assert made == [0, 1]
    evaluation = evaluating(request)
    made.clear()
    assert carried_out(evaluation, store, cache).status == "done"
    assert made == [0, 2, 0, 2], "one reading for the hash, and one to evaluate"


def test_digits_of_the_test_part_are_none_of_the_others() -> None:
    spec = DigitsData(source="digits", test=0.2)
    trained, tested = digits.load(spec), digits.load(spec, "test")
    assert (len(trained.validation_labels), len(tested.validation_labels)) == (449, 359)
    whole = len(trained.train_labels) + 449 + 359
    assert whole == 1797
    assert (trained.train_images == tested.train_images).all()


def test_what_cannot_be_evaluated_is_a_failure_that_leaves_the_job_done(
    store: ArtifactStore, cache: DataCache
) -> None:
    request = request_of()
    missing = carried_out(evaluating(request), store, cache)
    assert missing.cause is not None
    assert missing.cause.kind == "storage"
    assert "are not stored" in missing.cause.message
    carried_out(request, store, cache)
    other = carried_out(request.model_copy(update={"evaluates": "0" * 16}), store, cache)
    assert other.cause is not None
    assert other.cause.kind == "data"
    assert "is not the same here" in other.cause.message
    result = store.result(request.job.id)
    assert result is not None
    assert result.status == "done"
