"""One training job: what identifies it, what it logs, and how it ended."""

import time
from functools import cached_property
from operator import not_
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from compound.schemas.architecture import Architecture, Network
from compound.schemas.base import Identified, MisfitError, Model, digest
from compound.schemas.data import DataSpec, Undecodable, is_unknown
from compound.schemas.factory import FactoryNetwork, Realised
from compound.schemas.machine.gpus import Gpus
from compound.schemas.parallel import (
    PARALLEL_KEYS,
    Count,
    Interface,
    ParallelKey,
    Workers,
    add_old_name,
    refuse_both_names,
)
from compound.schemas.recipe import Keep, Recipe
from compound.schemas.weights import WeightsRef


class Resources(Model):
    """What one job takes. A worker is one DDP rank."""

    workers: Workers = 1
    """A number, or `{min: 2, max: 8}` for an elastic job: when a host is lost, it continues with
    the remaining workers; after an epoch it adds workers where resources are free. The batch of a
    step stays the same."""
    cpus: Annotated[int, Field(ge=1, le=1024)] = 1
    """CPU cores a worker; also the threads that torch may use."""
    gpus: Gpus = "auto"
    """GPUs a worker: a fraction up to 1, or a whole number. `auto` takes what the cluster has: one
    a worker, a fraction where workers outnumber GPUs, none where there are none."""
    patience: Annotated[float, Field(ge=5, le=86_400)] = 600.0
    """Seconds without progress after which a job of several workers counts as hung."""
    interface: Interface | None = None
    """Network interface between the workers, such as eth0; detected by default."""

    decode_cpus: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU cores anywhere in the cluster that decode streamed images for each worker, through Ray
    Data, beside the worker's own; 0: processes on the worker's host decode, with its CPUs."""
    parallel: ParallelKey = "none"
    """How several workers train one network: with `none` each has all of it; `full` divides
    weights, gradients and optimiser state among them, for a network that does not fit into the
    memory of one. Old specs call the key `sharding`."""

    model_config = ConfigDict(serialize_by_alias=True, json_schema_extra=add_old_name)

    _named_once = model_validator(mode="before")(refuse_both_names)

    @model_validator(mode="after")
    def _divisible(self) -> "Resources":
        if self.parallel == "full" and not isinstance(self.workers, int):
            raise MisfitError(
                ("workers",),
                "parallel: full needs a fixed number of workers, such as "
                f"{self.workers.max}: each holds its part of the network",
                next_step=f"write `workers: {self.workers.max}`",
            )
        if self.parallel == "full" and self.workers == 1:
            raise MisfitError(
                ("workers", *PARALLEL_KEYS),
                "parallel: full divides a network among workers, but there is only one",
                next_step="write `workers: 2`, or `parallel: none`",
            )
        if self.parallel == "full" and self.gpus != "auto" and 0 < self.gpus < 1:
            raise MisfitError(
                ("gpus",),
                f"parallel: full divides a network among GPUs, and gpus: {self.gpus:g} shares one",
                next_step="write `gpus: 1`, or `parallel: none`",
            )
        return self

    @property
    def least_workers(self) -> int:
        """The fewest workers that the job runs with."""
        return self.workers if isinstance(self.workers, int) else self.workers.min

    @property
    def most_workers(self) -> int:
        """The most workers that the job uses."""
        return self.workers if isinstance(self.workers, int) else self.workers.max

    @property
    def elastic(self) -> bool:
        """Whether the number of workers may change while the job runs."""
        return self.least_workers < self.most_workers

    def sized(self, workers: int) -> "Resources":
        """Return the same for exactly so many workers."""
        return self.model_copy(update={"workers": workers})


class DataRef(Model):
    """The data of a job: how to read it, and the fingerprint that it must have."""

    spec: DataSpec
    fingerprint: str
    undecodable: Annotated[Undecodable | None, Field(exclude_if=is_unknown)] = None
    """The images that every worker leaves out, and no other. None: nobody has decoded them yet, as
    in older stores; each worker then leaves out what it cannot decode."""


_NOT_SCIENCE = {
    "checkpoint_every": 1,
    "checkpoint_steps": 0,
    "graphs": False,
    "keep": Keep(),
    "recipe": "modern",
}
"""Fields of the recipe that name or store, and change no number."""


class _Science(Model):
    architecture: Architecture | Realised
    recipe: Recipe
    fingerprint: str
    seed: int
    weights: WeightsRef | None = None
    revision: int = 0


def revision_of(recipe: Recipe) -> int:
    """Return the newest revision of a recipe: 1 where RandAugment makes all drawn operations.

    Jobs of older stores have revision 0: RandAugment makes about half of the operations in them,
    and goes on so when they are resumed.
    """
    return int(recipe.augment.policy == "randaugment")


def _anywhere(weights: WeightsRef | None) -> WeightsRef | None:
    """Return a reference without its path: the digest says what the file is."""
    if weights is None:
        return None
    return weights.model_copy(update={"spec": weights.spec.model_copy(update={"path": ""})})


class TrainJob(Identified):
    """One network, one recipe, one data set, one seed: everything that decides the numbers."""

    architecture: Network
    recipe: Recipe
    data: DataRef
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    weights: WeightsRef | None = None
    """What the first attempt starts from; None draws weights from the seed."""
    revision: Annotated[int, Field(ge=0, exclude_if=not_)] = 0
    """Grows where the same recipe comes to give other numbers; see `revision_of`."""

    @model_validator(mode="after")
    def _settled(self) -> "TrainJob":
        if self.recipe.compile == "auto":
            raise ValueError("compile: auto is for specs; the recipe of a job says true or false")
        if self.recipe.learning_rate == "auto":
            raise ValueError("learning_rate: auto is for specs; the recipe of a job has a number")
        return self

    @cached_property
    def id(self) -> str:
        """The identity of the science: paths of files and resources are no part of it."""
        network = self.architecture
        return digest(
            _Science(
                architecture=network.realised if isinstance(network, FactoryNetwork) else network,
                recipe=self.recipe.model_copy(update=_NOT_SCIENCE),
                fingerprint=self.data.fingerprint,
                seed=self.seed,
                weights=_anywhere(self.weights),
                revision=self.revision,
            )
        )


class JobRequest(Model):
    """A job and its resources; `label` is its name in tables and logs."""

    job: TrainJob
    resources: Resources = Resources()
    label: str = ""
    splits: Annotated[int, Field(ge=1, le=2**20)] = 1
    """Parts that every micro-batch of the recipe is cut into, because a whole one did not fit
    into memory; the batch of an optimiser step stays the same."""
    continues: str | None = None
    """The job of a shorter schedule whose last checkpoint and rows this one begins with."""
    profile: bool = False
    """Whether the first rank traces a few steps of the first epoch that it trains."""
    prunable: bool = False
    """Whether the search could stop the job before its last epoch; only studies of older versions
    have such jobs."""
    evaluates: str | None = None
    """The hash of the test part on which the job's last weights are evaluated. Nothing is trained
    then: the runner returns the numbers, and the store keeps the predictions."""

    def settled(self, result: "JobResult | None") -> bool:
        """Return whether this result is final, so that the job is not trained again.

        A pruned job that may no longer be pruned continues from its checkpoint. An evaluation is
        never settled: its numbers are no part of the job's result.
        """
        if self.evaluates is not None:
            return False
        return result is not None and (result.status == "done" or (result.pruned and self.prunable))


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
        "error",
        "diverged",
        "out of memory",
        "storage",
        "data",
        "worker lost",
        "preempted",
        "interrupted",
        "pruned",
    ]
    """`worker lost`: workers died, hung or lost contact, until the retry limit was reached;
    `preempted`: hosts were taken away, until their limit. `pruned`: the search's promotion
    stopped the job for good; this is no failure."""
    message: str
    traceback: str = ""
    fix: str = ""
    """How to repair the host or the installation, where a retry would fail again."""


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
    splits: int = 1
    """Parts that micro-batches were cut into to fit into memory."""
    notes: tuple[str, ...] = ()
    """What differs from the job's request, such as a network that ran uncompiled."""

    @property
    def pruned(self) -> bool:
        """Whether the search's promotion has stopped the job for good."""
        return self.status == "stopped" and self.cause is not None and self.cause.kind == "pruned"


class Event(Model):
    """What a runner reports while it works; all but epochs are lines of the study's events."""

    kind: Literal["waiting", "started", "epoch", "again", "ended"]
    """`again`: an attempt has failed, and the job is retried; `message` has the reason."""
    job: str
    label: str = ""
    row: EpochRow | None = None
    result: JobResult | None = None
    message: str = ""
    workers: Count | None = None
    """Of a job that starts: its number of workers, where the runner reports it."""
    wall_time: float | None = Field(default_factory=time.time)
    """When it happened, in seconds since 1970, on the clock of `host`, or of the driver. None in
    lines of older versions. Order events by their lines, not by this."""
    attempt: int = 0
    """Counted from 1: the attempt that begins, runs or has ended; 0: none that is known."""
    host: str = ""
    """Of the first worker; empty where the driver reports what it has seen itself."""
    worker: str = ""
    """HOST/PID of the first worker; one that trains several jobs has the same name in each."""
    hosts: tuple[str, ...] = ()
    """Of every worker, by rank."""
    driver: str = ""
    """HOST/PID of the process that wrote the line."""
