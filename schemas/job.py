"""One training job: what identifies it, what it logs, and how it ended."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.architecture import Architecture
from schemas.base import Model, digest
from schemas.data import DataSpec
from schemas.recipe import Recipe


class Resources(Model):
    """What one job takes. A worker is one DDP rank."""

    workers: Annotated[int, Field(ge=1, le=10_000)] = 1
    cpus: Annotated[int, Field(ge=1, le=1024)] = 1
    """CPU cores a worker; also the threads that torch may use."""
    gpus: Annotated[float, Field(ge=0, le=16)] | Literal["auto"] = "auto"
    """GPUs a worker; a fraction shares one. `auto`: one where the cluster has any, else none."""


class DataRef(Model):
    """The data of a job: how to read it, and the fingerprint of what must be found."""

    spec: DataSpec
    fingerprint: str


_NOT_SCIENCE = {"checkpoint_every": 1, "recipe": "modern"}
"""Fields of the recipe that name or store, and change no number."""


class _Science(Model):
    architecture: Architecture
    recipe: Recipe
    fingerprint: str
    seed: int


class TrainJob(Model):
    """One network, one recipe, one data set, one seed: everything that decides the numbers."""

    architecture: Architecture
    recipe: Recipe
    data: DataRef
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def id(self) -> str:
        """The identity of the science: where the data lies and what runs it do not count."""
        return digest(
            _Science(
                architecture=self.architecture,
                recipe=self.recipe.model_copy(update=_NOT_SCIENCE),
                fingerprint=self.data.fingerprint,
                seed=self.seed,
            )
        )


class JobRequest(Model):
    """A job and what it is to be given; `label` is the name people read."""

    job: TrainJob
    resources: Resources = Resources()
    label: str = ""


class EpochRow(Model):
    """What a job measured in one epoch. `metrics` holds finite numbers by name."""

    job: str
    attempt: int
    epoch: int
    """Counted from 1: the epoch that has just ended."""
    step: int
    """Optimiser steps since the start of training."""
    metrics: dict[str, float]
    wall_time: float
    """Seconds since the Unix epoch, on the worker's clock; order rows by epoch, not by this."""


class Cause(Model):
    """Why a job did not reach its last epoch."""

    kind: Literal[
        "error", "diverged", "out of memory", "storage", "data", "worker lost", "interrupted"
    ]
    message: str
    traceback: str = ""


class JobResult(Model):
    """How a job ended. A failed job is a value like any other."""

    job: str
    status: Literal["done", "failed", "stopped"]
    attempt: int
    epochs: int
    """Epochs completed over all attempts."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """The last epoch's metrics."""
    cause: Cause | None = None
    seconds: float = 0.0
    """Time spent training in the last attempt."""
    world_size: int = 1
    device: str = ""
    """What the first worker trained on, as a DeviceProfile calls it."""


class Event(Model):
    """Something a runner tells while it works."""

    kind: Literal["waiting", "started", "epoch", "ended"]
    job: str
    label: str = ""
    row: EpochRow | None = None
    result: JobResult | None = None
    message: str = ""
