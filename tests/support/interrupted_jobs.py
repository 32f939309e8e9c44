"""A job that tests interrupt, and what must come out of it all the same."""

import hashlib
from collections.abc import Generator
from pathlib import Path

import torch

from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.job import EpochRow, JobResult, TrainJob
from tests.support.small_jobs import small_job

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


Whole = tuple[list[dict[str, float]], str]
"""The science of the rows, and the hash of the weights, of a job that nothing interrupts."""


def uninterrupted(folder: Path, data: DataCache) -> Whole:
    """Train the job of RECIPE in one go."""
    job, store = small_job(**RECIPE), ArtifactStore.open(str(folder))
    rows, result = attempt(job, store, data)
    assert result.status == "done" and rows[-1].step == 4 * STEPS
    return science(rows), weights(store, job)
