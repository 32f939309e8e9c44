"""Interrupted anywhere, and the same weights to the bit in the end."""

import hashlib
import random
from pathlib import Path

import pytest
import torch
from small_jobs import small_job

from jobs.data.cache import DataCache
from jobs.run import Process, run
from jobs.store.artifacts import ArtifactStore
from schemas.job import EpochRow, JobResult, TrainJob

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

TIMING = {"seconds", "images_per_second"}


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
    epochs = run(job, store, Process.single(), data, stopping=After(steps))
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


POINTS = random.Random(5).sample(range(1, 4 * STEPS), 39) + random.Random(6).choices(
    range(1, 40), k=11
)


@pytest.mark.parametrize("steps", [1, 9, 10, 13, 38])
def test_a_job_stopped_after_any_step_ends_as_if_it_had_not_been(
    tmp_path: Path, data: DataCache, whole: tuple[list[dict[str, float]], str], steps: int
) -> None:
    job, store = small_job(**RECIPE), ArtifactStore.open(str(tmp_path))
    before, stopped = attempt(job, store, data, steps)
    assert stopped.status == "stopped" and stopped.cause and stopped.cause.kind == "interrupted"
    found = store.checkpoint(job.id)
    assert found and found.step == steps
    after, done = attempt(job, store, data)
    assert (done.status, done.attempt, done.epochs) == ("done", 2, 4)
    assert science(before + after) == whole[0]
    assert weights(store, job) == whole[1]
    assert [row.epoch for row in store.rows(job.id)] == [1, 2, 3, 4]
