"""Small jobs, rows and checkpoints for the tests of the store."""

from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checkpoint import Checkpoint, Position, Saved
from compound.jobs.store.format.predictions import Predictions
from compound.jobs.store.writing.job_writer import JobWriter
from compound.schemas.architecture import Architecture
from compound.schemas.data import DigitsData
from compound.schemas.job import DataRef, EpochRow, JobResult, TrainJob
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage


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


def predictions(images: int, classes: int = 10, seed: int = 0) -> Predictions:
    """Return predictions of which about half are right."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, images, dtype=np.int32)
    guess = rng.integers(0, classes, images, dtype=np.int32)
    predicted = np.where(rng.random(images) < 0.5, label, guess).astype(np.int32)
    return Predictions(np.arange(images, dtype=np.int32), label, predicted)


def log(writer: JobWriter, *epochs: int, value: float = 0.0) -> None:
    for epoch in epochs:
        writer.log(row(epoch, writer.attempt, value))


def saved(epoch: int) -> Saved:
    model = {"w": torch.full((3, 2), float(epoch)), "n": torch.tensor(epoch)}
    slots = {"momentum": torch.full((6,), float(epoch + 1))}
    return Saved(model, slots, {"lr": 0.1, "seed": 2**63, "epoch": epoch, "a": "ü"})


def save(writer: JobWriter, epoch: int) -> None:
    writer.save(epoch, 10 * epoch, *saved(epoch))


def save_scored(writer: JobWriter, epoch: int, score: float) -> None:
    """Log an epoch, and save its checkpoint with a validation accuracy."""
    log(writer, epoch)
    content = saved(epoch)
    content.extra["validation_accuracy"] = score
    writer.save_later(Position(epoch, 10 * epoch), lambda: content)
    writer.wait()


def save_later(writer: JobWriter, epoch: int) -> None:
    writer.save_later(Position(epoch, 10 * epoch), lambda: saved(epoch))


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
    return [stored.epoch for stored in store.rows(JOB.id)]


def files_of(store: ArtifactStore, pattern: str) -> list[Path]:
    return sorted(path for path in Path(store.uri).rglob(pattern) if path.is_file())


def keys_of(store: ArtifactStore, pattern: str) -> list[str]:
    """Return the keys of jobs' files, by the last part of them, wherever the store lies."""
    return [key for key in store._files.walk("jobs") if fnmatch(key.rpartition("/")[2], pattern)]
