"""Small jobs, rows and checkpoints for the tests of the store."""

from pathlib import Path

import torch

from jobs.store.artifacts import ArtifactStore
from jobs.store.checkpoint import Checkpoint
from jobs.store.writer import JobWriter
from schemas.architecture import Architecture, Stage
from schemas.data import DigitsData
from schemas.job import DataRef, EpochRow, JobResult, TrainJob
from schemas.recipe import Recipe


def job(seed: int = 0) -> TrainJob:
    network = Architecture(resolution=8, stages=(Stage(channels=8),))
    data = DataRef(spec=DigitsData(source="digits"), fingerprint="f" * 16)
    return TrainJob(architecture=network, recipe=Recipe(), data=data, seed=seed)


JOB = job()


def row(epoch: int, attempt: int = 1, value: float = 0.0, of: TrainJob = JOB) -> EpochRow:
    metrics = {"train_loss": 1 / epoch + value, "validation_accuracy": 0.1 + value}
    return EpochRow(
        job=of.id, attempt=attempt, epoch=epoch, step=10 * epoch, metrics=metrics, wall_time=epoch
    )


def result(epochs: int, attempt: int = 1, of: TrainJob = JOB, status: str = "done") -> JobResult:
    return JobResult.model_validate(
        {"job": of.id, "status": status, "attempt": attempt, "epochs": epochs}
    )


def log(writer: JobWriter, *epochs: int, value: float = 0.0) -> None:
    for epoch in epochs:
        writer.log(row(epoch, writer.attempt, value))


def save(writer: JobWriter, epoch: int) -> None:
    model = {"w": torch.full((3, 2), float(epoch)), "n": torch.tensor(epoch)}
    slots = {"momentum": torch.full((6,), float(epoch + 1))}
    extra: dict[str, int | float | str] = {"lr": 0.1, "seed": 2**63, "epoch": epoch, "a": "ü"}
    writer.save(epoch, 10 * epoch, model, slots, extra)


def train(writer: JobWriter, *epochs: int, value: float = 0.0) -> None:
    for epoch in epochs:
        log(writer, epoch, value=value)
        save(writer, epoch)


def whole(checkpoint: Checkpoint | None, epoch: int) -> bool:
    """Whether a checkpoint is the one that `save` took after an epoch."""
    assert checkpoint is not None
    momentum = checkpoint.optimizer()["momentum"]
    same = torch.equal(checkpoint.model()["w"], torch.full((3, 2), float(epoch)))
    numbers = (checkpoint.epoch, checkpoint.step, checkpoint.extra["epoch"])
    return same and numbers == (epoch, 10 * epoch, epoch) and bool((momentum == epoch + 1).all())


def epochs_of(store: ArtifactStore) -> list[int]:
    return [found.epoch for found in store.rows(JOB.id)]


def files_of(store: ArtifactStore, pattern: str) -> list[Path]:
    return sorted(path for path in Path(store.uri).rglob(pattern) if path.is_file())
