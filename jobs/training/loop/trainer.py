"""The training loop: plain torch, nothing read from the device before an epoch is over."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from compound.jobs.data.batches import Batch, Share, Source
from compound.jobs.models.build import build
from compound.jobs.parallel.collective import averaged, least, summed
from compound.jobs.parallel.data_parallel import wrapped
from compound.jobs.parallel.failure import Diverged
from compound.jobs.parallel.flat_parameters import Flat, flatten
from compound.jobs.parallel.process import Process
from compound.jobs.seeds import Purpose, derive
from compound.jobs.training.compiling.cuda_graphs import recorder_for
from compound.jobs.training.compiling.graphed_passes import Graphs, Recorder
from compound.jobs.training.loop.batch_norm import Norms, gathered
from compound.jobs.training.loop.epoch_position import FROM_THE_START, Partial
from compound.jobs.training.loop.loss import loss_of
from compound.jobs.training.optimiser.ema import Average
from compound.jobs.training.optimiser.schedule import (
    Steps,
    check_sharding,
    learning_rate,
    norm_momentum,
    steps,
)
from compound.jobs.training.optimiser.update import Update
from compound.schemas.job import TrainJob
from compound.schemas.metrics import ACCURACY, SECONDS, SPEED

Metrics = dict[str, float]
AfterStep = Callable[[int, Tensor], None]
"""Called after every optimiser step with how many of the epoch are done, and with this rank's sums
of loss and of right answers over the epoch's images, float64 (2,), on the training device."""


class Trainer:
    """One job on one rank: the network, its optimiser, and the loop that moves them."""

    def __init__(self, job: TrainJob, source: Source, process: Process, *, splits: int = 1) -> None:
        """Build everything, alike on every rank. PlanError: the batch cannot be shared.

        `splits`: parts that every micro-batch of the recipe is cut into.
        """
        self._recipe, self._seed, self._process = job.recipe, job.seed, process
        planned = process.planned or process.world_size
        self.steps = steps(job.recipe, source.images, planned, splits)
        batch, micro = self.steps.batch, self.steps.micro
        self._share = Share.of(batch, micro, process.rank, process.world_size)
        self.source, self._resolution = source, job.architecture.resolution
        self._generator = _generator(process.device)
        self.module = network_of(job, self.steps, process.imports)
        self.flat = self._laid_out()
        self._norms = Norms(self.module, len(self._share.pieces))
        self.average = Average(self.flat, job.recipe.ema) if job.recipe.ema else None
        self.optimiser = Update(
            job.recipe, self.flat, self.average, compiled=job.recipe.compile is True
        )
        self._model = self.module
        self.graphs: Graphs | None = None
        self.watch = DataWait()
        self.on_step: Callable[[], None] | None = None
        """Called after every optimiser step."""
        self._losses = torch.zeros(self.steps.per_epoch, device=process.device)

    def _laid_out(self) -> Flat:
        if not self._process.sharded:
            return flatten(self.module, self._process.device)
        from compound.jobs.parallel.fully_sharded import (  # a second, which others need not wait
            check_even,
            shard,
        )

        check_sharding(self._recipe)
        check_even(self.steps.batch, self.steps.micro, self._process)
        return shard(self.module, self._recipe, self._process)

    def connect(self) -> None:
        """Wrap the network; with several ranks all have to call this at the same time."""
        self._model = wrapped(self.module, self._recipe, self._process)
        if recorder := recorder_for(self._recipe, self._process, self.module):
            self.record(recorder)

    def record(self, recorder: Recorder) -> None:
        """Take micro-batches by recordings from here on, as far as that gives the same numbers."""
        counters = [one for one in self.module.buffers() if not one.is_floating_point()]
        state, weights = (self.flat.statistics, *counters), self.module.parameters()
        self.graphs = Graphs(self._backward, weights, state, self._generator, recorder)

    def epoch(
        self, number: int, begun: Partial = FROM_THE_START, after_step: AfterStep | None = None
    ) -> Metrics:
        """Train for one epoch, counted from 1, or for what is left of it, and evaluate.

        Diverged: a loss is not finite.
        """
        started = time.perf_counter() - begun.seconds
        loss, correct = self.train(number, begun, after_step).tolist()
        trained = time.perf_counter()
        images = self.steps.per_epoch * self.steps.batch
        if not math.isfinite(loss):
            raise Diverged(number, "train_loss", loss, self._first_bad_step(number))
        metrics = {
            "train_loss": loss / images,
            "train_accuracy": correct / images,
            **self._evaluate(),
            "learning_rate": self._rate(number * self.steps.per_epoch - 1),
            SPEED: images / (trained - started),
            "data_wait": self.watch.seconds / (trained - started),
            SECONDS: time.perf_counter() - started,
        }
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise Diverged(number, name, value)
        return metrics

    def train(
        self, epoch: int, begun: Partial = FROM_THE_START, after_step: AfterStep | None = None
    ) -> Tensor:
        """Return the sums of loss and of correct answers over the epoch's images, float64 (2,)."""
        self.watch.restart()
        self.module.train()
        self._losses.zero_()
        sums = torch.zeros(2, dtype=torch.float64, device=self._process.device)
        if self._process.leads:
            # Numbers go along with the kernel; a tensor of them would be copied to the device.
            sums[0] += begun.loss
            sums[1] += begun.correct
        batches = self.source.training(self._seed, epoch, self._share, begun.steps)
        first = (epoch - 1) * self.steps.per_epoch
        for done in range(begun.steps, self.steps.per_epoch):
            self.step(first + done, batches, sums, self._losses[done])
            if after_step:
                after_step(done + 1, sums)
        return self._settled(sums)

    def step(self, step: int, batches: Iterator[Batch], sums: Tensor, loss: Tensor) -> None:
        """Take one optimiser step, counted from 0, on this rank's next micro-batches.

        Adds to `sums` (2,) and `loss` () of the device; nothing is read from there.
        """
        self.flat.forget()
        for place, piece in enumerate(self._share.pieces, start=1):
            drawn = derive(Purpose.STEP, self._seed, step, piece.start)
            self._generator.manual_seed(drawn)
            self._norms.begin(place)
            with self._sharing(place == len(self._share.pieces)):
                batch = self.watch.next(batches)
                if self.graphs:
                    self.graphs.take(place, batch, sums, loss)
                else:
                    self._backward(batch, sums, loss)
            self._process.pulse.beat()
        self.flat.collect()
        self.optimiser.step(self._rate(step), step + 1)
        if self.on_step:
            self.on_step()

    def _first_bad_step(self, epoch: int) -> int | None:
        """Return the first step, counted from 0, whose loss was not finite on any rank."""
        bad = (~self._losses.isfinite()).nonzero().flatten()
        mine = bad[:1] if len(bad) else bad.new_full((1,), self.steps.per_epoch)
        step = int(least(mine, self._process))
        return (epoch - 1) * self.steps.per_epoch + step if step < self.steps.per_epoch else None

    def _backward(self, batch: Batch, sums: Tensor, total: Tensor) -> None:
        labels = batch.labels
        with self._precision():
            logits = self._model(batch.images)
            loss = loss_of(logits, batch, self._recipe.label_smoothing)
        # The ranks' gradients are averaged, so a mean over the global batch counts once a rank.
        parts = self.steps.batch / (len(labels) * self._process.world_size)
        (loss / parts).backward()  # type: ignore[no-untyped-call]
        total.add_(loss.detach())
        sums[0].add_(loss.detach(), alpha=len(labels))
        sums[1].add_((logits.detach().argmax(1) == labels).sum())

    def _settled(self, sums: Tensor) -> Tensor:
        """Make the ranks one again: the epoch's sums, and batch norm's statistics."""
        averaged(self.flat.statistics, self._process)
        if self.average:
            averaged(self.average.values[len(self.flat.gradients) :], self._process)
        return summed(sums, self._process)

    def _evaluate(self) -> Metrics:
        """Measure the network, or its average, on every validation image exactly once."""
        with self.average.applied() if self.average else nullcontext():
            loss, correct, images = summed(self._validate(), self._process).tolist()
        return {"validation_loss": loss / images, ACCURACY: correct / images}

    @torch.inference_mode()
    def _validate(self) -> Tensor:
        """Return the sums of loss, of correct answers and of images, float64 (3,)."""
        self.module.eval()
        sums = torch.zeros(3, dtype=torch.float64, device=self._process.device)
        for images, labels, *_ in self._held_out():
            with self._precision():
                logits = self.module(images)[: len(labels)]
                losses = functional.cross_entropy(logits, labels, reduction="none")
            sums[0].add_(losses.double().sum())
            sums[1].add_((logits.argmax(1) == labels).sum())
            sums[2].add_(len(labels))
            self._process.pulse.beat()
        return sums

    def _held_out(self) -> Iterator[Batch]:
        process, size = self._process, self.steps.micro
        if process.sharded:
            from compound.jobs.parallel.fully_sharded import evened

            return evened(self.source, self._resolution, process, size)
        return self.source.validation(process.rank, process.world_size, size)

    def _rate(self, step: int) -> float:
        return learning_rate(self._recipe, self.steps, step)

    def _sharing(self, last: bool) -> AbstractContextManager[None]:
        """Let only the last micro-batch send its gradients; divided ones are sent every time."""
        if last or self._process.world_size == 1 or self._process.sharded:
            return nullcontext()
        context: AbstractContextManager[None] = self._model.no_sync()  # type: ignore[operator]
        return context

    def _precision(self) -> torch.autocast:
        reduced = self._recipe.precision == "bfloat16"
        return torch.autocast(self._process.device.type, torch.bfloat16, enabled=reduced)


def network_of(job: TrainJob, plan: Steps, imports: tuple[str, ...]) -> nn.Module:
    """Build the job's network with weights drawn from its seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(Purpose.WEIGHTS, job.seed))
        network = build(
            job.architecture,
            survival=job.recipe.survival,
            dropout=job.recipe.dropout,
            norm_momentum=job.recipe.norm_momentum or norm_momentum(plan),
            imports=imports,
        )
    return gathered(network, job.recipe.norm_batch)


def _generator(device: torch.device) -> torch.Generator:
    """Return the generator that dropout and stochastic depth draw from on a device."""
    if device.type == "cpu":
        return torch.default_generator
    module = torch.get_device_module(device)
    module.init()  # before it, torch.cuda.default_generators is empty
    index = module.current_device() if device.index is None else device.index
    generator: torch.Generator = module.default_generators[index]
    return generator


T = TypeVar("T")


class DataWait:
    """Adds up the seconds that the loop spends in asking for the next batch."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def restart(self) -> None:
        """Begin at zero again."""
        self.seconds = 0.0

    def next(self, batches: Iterator[T]) -> T:
        """Return the next batch, and count how long that took."""
        asked = time.perf_counter()
        batch = next(batches)
        self.seconds += time.perf_counter() - asked
        return batch
