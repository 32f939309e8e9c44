"""What the parts of the session measure: jobs, trainers, steps, and the device under them."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any, TypeVar

import torch

from compound.jobs.data.batches import Batch
from compound.jobs.data.source import summarise
from compound.jobs.device_model import Kind
from compound.jobs.networks.named import NETWORKS
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, JobResult, TrainJob
from compound.schemas.recipe import Recipe

Step = Callable[[], None]
_Chosen = TypeVar("_Chosen")

HEAVY: dict[str, Any] = {
    "augment": {"policy": "randaugment", "mixup": 0.2, "cutmix": 1.0, "cutout": 0.25},
    "resizing": {"start": 0.5, "until": 0.5},
}
"""Every change to images that a recipe knows of, and images that grow."""


@dataclass(frozen=True)
class Bench:
    """The device of a session, and how large things are on it."""

    kind: Kind
    process: Process
    trace: Path | None = None
    """Where one profiler trace goes."""

    @classmethod
    def of(cls, kind: str, trace: Path | None = None) -> "Bench":
        """Describe the device; nothing is started on it yet."""
        device: Kind = "cuda" if kind == "cuda" else "cpu"
        return cls(device, Process.single(1, "cuda:0" if kind == "cuda" else "cpu"), trace)

    @property
    def device(self) -> torch.device:
        """Where tensors lie."""
        return self.process.device

    @property
    def cuda(self) -> bool:
        """Whether this is no rehearsal."""
        return self.kind == "cuda"

    def pick(self, on_gpu: _Chosen, on_cpu: _Chosen) -> _Chosen:
        """Return the size for a GPU, or that of the rehearsal."""
        return on_gpu if self.cuda else on_cpu

    def judged(self, right: bool) -> bool | None:
        """Return a judgement that counts on a GPU alone: a CPU's speed proves nothing."""
        return right if self.cuda else None

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def allocated(self) -> int:
        """Return the bytes that tensors hold on the device; on a CPU 0."""
        return torch.cuda.memory_allocated(self.device) if self.cuda else 0


def named(name: str, resolution: int, classes: int = 10) -> Architecture:
    """Return a named network at a resolution."""
    return NETWORKS[name].model_copy(update={"resolution": resolution, "num_classes": classes})


def job_of(network: Architecture, images: int, seed: int = 0, **recipe: Any) -> TrainJob:
    """Return a job on so many synthetic images of the network's own size."""
    spec = SyntheticData(
        source="synthetic",
        images=images,
        validation_images=max(32, network.num_classes),
        num_classes=network.num_classes,
        size=network.resolution,
    )
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    return TrainJob(
        architecture=network, recipe=Recipe.model_validate(recipe), data=data, seed=seed
    )


def trainer_of(
    job: TrainJob, process: Process, splits: int = 1, *, graphs: bool = False
) -> Trainer:
    """Return a job's trainer, ready for its first step; `graphs`: with CUDA graphs, as in jobs."""
    recipe = job.recipe.model_copy(update={"graphs": "auto" if graphs else False})
    job = job.model_copy(update={"recipe": recipe})
    torch.set_num_threads(process.threads)
    resolution = job.architecture.resolution
    source = DataCache().source(job.data, resolution, job.recipe, process.device, process.threads)
    made = Trainer(job, source, process, splits=splits)
    made.connect()
    made.module.train()
    return made


def batches_of(trainer: Trainer) -> Iterator[Batch]:
    """Yield a trainer's batches, epoch after epoch."""
    for epoch in count(1):
        yield from trainer.source.training(0, epoch, trainer._share)


def steps_of(trainer: Trainer, *, fixed: bool = False) -> Step:
    """Return what takes one step more each time; `fixed`: always on the same two batches."""
    batches = batches_of(trainer)
    if fixed:
        batches = cycle([next(batches), next(batches)])
    device = trainer.flat.values.device
    sums = torch.zeros(2, dtype=torch.float64, device=device)
    loss = torch.zeros((), device=device)
    return lambda: trainer.step(0, batches, sums, loss)


def seconds_of(bench: Bench, step: Step, steps: int) -> float:
    """Return the seconds of one of so many steps, waited for at the end."""
    bench.synchronize()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    bench.synchronize()
    return (time.perf_counter() - started) / steps


def in_turns(bench: Bench, sides: Mapping[str, Step], rounds: int, steps: int) -> dict[str, float]:
    """Return the median seconds of a step by side; the sides take turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, step in sides.items():
            times[name].append(seconds_of(bench, step, steps))
    return {name: statistics.median(values) for name, values in times.items()}


def trained(
    job: TrainJob,
    bench: Bench,
    store: str,
    splits: int = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> JobResult:
    """Train a job in this process, to its end or to where `stopping` holds."""
    opened = ArtifactStore.open(store)
    epochs = run(job, opened, bench.process, DataCache(), splits, None, stopping)
    while True:
        try:
            next(epochs)
        except StopIteration as end:
            result: JobResult = end.value
            return result
