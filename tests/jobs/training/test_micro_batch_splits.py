"""Micro-batches cut into parts, because a whole one did not fit into memory."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compound.cluster.local_runner import LocalRunner
from compound.jobs.parallel.failure import at_smallest_micro_batch, classify
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.optimiser.schedule import begins_alike, steps
from compound.schemas.errors import PlanError
from compound.schemas.job import Cause, JobResult, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.failing_networks import hungry_request
from tests.support.forked import run_forked
from tests.support.small_jobs import small_job


def trained(job: TrainJob, store: ArtifactStore, splits: int = 1, **more: str) -> JobResult:
    """Train a job to its end in this process."""
    epochs = run(job, store, Process.single(), DataCache(), splits, **more)
    while True:
        try:
            next(epochs)
        except StopIteration as end:
            result: JobResult = end.value
            return result


@given(
    st.integers(1, 64),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(64, 500),
)
def test_splits_change_nothing_but_the_images_at_once(
    size: int, workers: int, accumulate: int, splits: int, images: int
) -> None:
    recipe = Recipe(batch=size * workers * accumulate * 8, accumulate=accumulate)
    whole = steps(recipe, images, workers)
    if whole.micro % splits:
        with pytest.raises(PlanError):
            steps(recipe, images, workers, splits)
        return
    cut = steps(recipe, images, workers, splits)
    assert (cut.batch, cut.per_epoch, cut.total) == (whole.batch, whole.per_epoch, whole.total)
    assert cut.micro * splits == whole.micro
    half = cut.halved()
    assert half is None if cut.micro % 2 else half is not None and half.micro * 2 == cut.micro


def test_a_split_job_is_the_job_with_accumulation(store: str) -> None:
    one, other = ArtifactStore.open(store), ArtifactStore.open(f"{store}-other")
    job, accumulated = small_job(), small_job(accumulate=4)
    assert trained(job, one, 4).splits == 4
    assert trained(accumulated, other).splits == 1
    weights = [s.checkpoint(j.id).model() for s, j in ((one, job), (other, accumulated))]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_a_job_goes_on_in_parts_from_its_last_checkpoint(store: str) -> None:
    ledger, job = ArtifactStore.open(store), small_job()
    epochs = run(job, ledger, Process.single(), DataCache())
    next(epochs)
    epochs.close()
    result = trained(job, ledger, 2)
    assert (result.status, result.splits, result.epochs) == ("done", 2, 3)
    assert [(row.epoch, row.attempt) for row in ledger.rows(job.id)] == [(1, 1), (2, 2), (3, 2)]


@pytest.mark.parametrize(
    ("micro", "said"),
    [
        (1, "even with one image at a time: no memory"),
        (25, "even with 25 images at a time, an odd number: no memory"),
        (8, "no memory"),
    ],
)
def test_a_job_that_cannot_be_cut_says_so(micro: int, said: str) -> None:
    assert (
        at_smallest_micro_batch(Cause(kind="out of memory", message="no memory"), micro).message
        == said
    )
    error = Cause(kind="error", message="no memory")
    assert at_smallest_micro_batch(error, micro) == error


def test_torch_out_of_memory_is_known_as_such(store: str, tmp_path) -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**42)
    assert classify(raised.value).kind == "out of memory"
    request = hungry_request(tmp_path, "hungry_alone", 8)
    events = []
    (result,) = LocalRunner((str(tmp_path),)).run([request], store, events.append)
    assert result.cause is not None
    assert (result.cause.kind, result.splits) == ("out of memory", 1)
    smaller = request.model_copy(update={"splits": 4})
    (result,) = LocalRunner((str(tmp_path),)).run([smaller], store, events.append)
    assert (result.status, result.splits, result.job) == ("done", 4, request.job.id)


@pytest.mark.slow
def test_a_rank_without_memory_is_no_lost_worker(store: str, tmp_path) -> None:
    request = hungry_request(tmp_path, "hungry_second", 8, workers=2, ranks=(1,))
    runner = LocalRunner((str(tmp_path),))
    (result,) = runner.run([request], store, lambda event: None)
    assert result.cause is not None
    assert result.cause.kind == "out of memory", result.cause.message
    file = tmp_path / "job.json"
    file.write_text(request.model_copy(update={"splits": 2}).model_dump_json())
    words = ["--store", store, "--allow-import", "--import-from", str(tmp_path)]
    again = run_forked("compound.jobs", str(file), *words, ranks=2)
    result = JobResult.model_validate_json(again.stdout)
    assert (result.status, result.splits, result.world_size) == ("done", 2, 2)


EXPONENTIAL = {"schedule": "exponential", "norm_momentum": 0.1, "decay_epochs": 1, "ema": 0.9}


def test_a_longer_schedule_goes_on_where_the_shorter_ended(store: str) -> None:
    ledger, direct = ArtifactStore.open(store), ArtifactStore.open(f"{store}-direct")
    short, long = small_job(epochs=2, **EXPONENTIAL), small_job(epochs=4, **EXPONENTIAL)
    trained(short, ledger)
    assert trained(long, ledger, continues=short.id).epochs == 4
    trained(long, direct)
    rows = [_numbers(ledger, long), _numbers(direct, long)]
    assert rows[0] == rows[1]
    assert [row.epoch for row in ledger.rows(short.id)] == [1, 2]
    one, other = ledger.checkpoint(long.id), direct.checkpoint(long.id)
    assert one is not None and other is not None
    assert _equal(one.model(), other.model())
    assert _equal(one.optimizer(), other.optimizer())


def _numbers(store: ArtifactStore, job: TrainJob) -> list[object]:
    """Return all rows of a job, without what a clock says."""
    clock = {"seconds", "images_per_second", "data_wait"}
    rows = store.rows(job.id)
    metrics = [{k: v for k, v in row.metrics.items() if k not in clock} for row in rows]
    return [(row.epoch, row.step, *m.items()) for row, m in zip(rows, metrics, strict=True)]


def _equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_a_continued_job_that_was_cut_off_begins_there_again(store: str) -> None:
    ledger = ArtifactStore.open(store)
    short, long = small_job(epochs=2, **EXPONENTIAL), small_job(epochs=4, **EXPONENTIAL)
    trained(short, ledger)
    with ledger.writer(long) as writer:
        assert writer.resume(short.id) is not None
    assert [row.epoch for row in ledger.rows(long.id)] == [1, 2]
    trained(long, ledger, continues=short.id)
    rows = ledger.rows(long.id)
    assert [(row.epoch, row.attempt, row.job) for row in rows] == [
        (epoch, 2, long.id) for epoch in (1, 2, 3, 4)
    ]


def test_without_the_shorter_job_training_begins_anew(store: str) -> None:
    ledger, long = ArtifactStore.open(store), small_job(epochs=2, **EXPONENTIAL)
    assert trained(long, ledger, continues="0" * 16).epochs == 2


@pytest.mark.parametrize(
    ("recipe", "alike"),
    [
        ({"schedule": "exponential", "norm_momentum": 0.1}, True),
        ({"schedule": "exponential"}, False),
        ({"schedule": "exponential", "norm_momentum": 0.1, "warmup_epochs": 3}, False),
        ({"schedule": "cosine", "norm_momentum": 0.1}, False),
    ],
)
def test_which_schedules_begin_alike(recipe: dict[str, object], alike: bool) -> None:
    whole = Recipe.model_validate({"epochs": 40, "batch": 32, **recipe})
    assert begins_alike(whole, steps(whole, 320, 1), 2) is alike
