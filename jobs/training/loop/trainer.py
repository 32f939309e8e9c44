"""The training loop. It reads nothing from the device before the end of an epoch."""

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
from compound.jobs.parallel.failure import Diverged
from compound.jobs.parallel.flat_parameters import Flat
from compound.jobs.parallel.process import Process
from compound.jobs.parallel.strategy import strategy_of
from compound.jobs.seeds import Purpose, derive
from compound.jobs.store.format.predictions import Predictions
from compound.jobs.training.compiling.cuda_graphs import recorder_for
from compound.jobs.training.compiling.graphed_passes import Graphs, Recorder
from compound.jobs.training.loop.answers import Answers
from compound.jobs.training.loop.batch_norm import Norms, with_norm_batch
from compound.jobs.training.loop.epoch_position import EPOCH_START, Partial
from compound.jobs.training.loop.loss import loss_of
from compound.jobs.training.optimiser.ema import Average
from compound.jobs.training.optimiser.schedule import Steps, learning_rate, norm_momentum, steps
from compound.jobs.training.optimiser.update import Update
from compound.schemas.job import TrainJob
from compound.schemas.metrics import ACCURACY, SECONDS, SPEED

Metrics = dict[str, float]
AfterStep = Callable[[int, Tensor], None]
"""Called after every optimiser step with the number of steps of the epoch so far, and with this
rank's sums of loss and of correct answers over the epoch's images, float64 (2,) on its device."""


class Trainer:
    """One job on one rank: the network, its optimiser and the training loop."""

    def __init__(self, job: TrainJob, source: Source, process: Process, *, splits: int = 1) -> None:
        """Build the same on every rank. PlanError: the batch cannot be shared.

        `splits`: parts into which every micro-batch of the recipe is cut.
        """
        self._recipe, self._seed, self._process = job.recipe, job.seed, process
        self._strategy = strategy_of(process)
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
        self.data_wait = DataWait()
        self.on_step: Callable[[], None] | None = None
        """Called after every optimiser step."""
        self._losses = torch.zeros(self.steps.per_epoch, device=process.device)
        self._answers = Answers()

    def _laid_out(self) -> Flat:
        batch, micro = self.steps.batch, self.steps.micro
        return self._strategy.flatten(
            self.module, self._recipe, self._process, batch=batch, micro=micro
        )

    def connect(self) -> None:
        """Wrap the network; with several ranks all have to call this at the same time."""
        self._model = self._strategy.wrap(self.module, self._recipe, self._process)
        if recorder := recorder_for(self._recipe, self._process, self.module):
            self.record(recorder)

    def record(self, recorder: Recorder) -> None:
        """Train by CUDA graphs from now on, if they give the same numbers."""
        outside = [buffer for buffer in self.module.buffers() if buffer.dtype != torch.float32]
        weights = [weight for weight in self.module.parameters() if weight.requires_grad]
        state = (self.flat.statistics, *outside)
        self.graphs = Graphs(self._backward, weights, state, self._generator, recorder)

    def epoch(
        self, number: int, begun: Partial = EPOCH_START, after_step: AfterStep | None = None
    ) -> Metrics:
        """Train for one epoch, counted from 1, or for the rest of it, and evaluate.

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
            **_as_validation(*self.evaluate()),
            "learning_rate": self._rate(number * self.steps.per_epoch - 1),
            SPEED: images / (trained - started),
            "data_wait": self.data_wait.seconds / (trained - started),
            SECONDS: time.perf_counter() - started,
        }
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise Diverged(number, name, value)
        return metrics

    def train(
        self, epoch: int, begun: Partial = EPOCH_START, after_step: AfterStep | None = None
    ) -> Tensor:
        """Return the sums of loss and of correct answers over the epoch's images, float64 (2,)."""
        self.data_wait.restart()
        self.module.train()
        self._losses.zero_()
        sums = torch.zeros(2, dtype=torch.float64, device=self._process.device)
        if self._process.leads:
            # A Python number is an argument of the kernel. A tensor would be copied to the device,
            # and the host would wait for the copy.
            sums[0] += begun.loss
            sums[1] += begun.correct
        batches = self.source.training(self._seed, epoch, self._share, begun.steps)
        first = (epoch - 1) * self.steps.per_epoch
        for done in range(begun.steps, self.steps.per_epoch):
            self.step(first + done, batches, sums, self._losses[done])
            if after_step:
                after_step(done + 1, sums)
        return self._combined(sums)

    def step(self, step: int, batches: Iterator[Batch], sums: Tensor, loss: Tensor) -> None:
        """Take one optimiser step, counted from 0, on this rank's next micro-batches.

        Adds to `sums` (2,) and `loss` () on the device, and reads nothing from it.
        """
        self.flat.clear_gradients()
        for number, piece in enumerate(self._share.pieces, start=1):
            drawn = derive(Purpose.STEP, self._seed, step, piece.start)
            self._generator.manual_seed(drawn)
            self._norms.begin(number)
            with self._sending(number == len(self._share.pieces)):
                batch = self.data_wait.next(batches)
                if self.graphs:
                    self.graphs.take(number, batch, sums, loss)
                else:
                    self._backward(batch, sums, loss)
            self._process.progress.beat()
        self.flat.collect_gradients()
        self.optimiser.step(self._rate(step), step + 1)
        if self.on_step:
            self.on_step()

    def _first_bad_step(self, epoch: int) -> int | None:
        """Return the first step, counted from 0, whose loss was not finite on any rank."""
        bad = (~self._losses.isfinite()).nonzero().flatten()
        own = bad[:1] if len(bad) else bad.new_full((1,), self.steps.per_epoch)
        step = int(least(own, self._process))
        return (epoch - 1) * self.steps.per_epoch + step if step < self.steps.per_epoch else None

    def _backward(self, batch: Batch, sums: Tensor, total: Tensor) -> None:
        labels = batch.labels
        with self._precision():
            logits = self._model(batch.images)
            loss = loss_of(logits, batch, self._recipe.label_smoothing)
        # Gradients are averaged over the ranks, so each rank multiplies by world_size to get the
        # mean over the global batch.
        parts = self.steps.batch / (len(labels) * self._process.world_size)
        (loss / parts).backward()  # type: ignore[no-untyped-call]
        total.add_(loss.detach())
        sums[0].add_(loss.detach(), alpha=len(labels))
        sums[1].add_((logits.detach().argmax(1) == labels).sum())

    def _combined(self, sums: Tensor) -> Tensor:
        """Combine the ranks: sum the epoch's sums, and average batch norm's statistics."""
        averaged(self.flat.statistics, self._process)
        if self.average:
            averaged(self.average.values[len(self.flat.gradients) :], self._process)
        return summed(sums, self._process)

    def evaluate(self) -> tuple[float, float, float]:
        """Evaluate the network, or its average, on every held-out image exactly once.

        Returns the sums of loss and of correct answers over them, and their number.
        """
        with self.average.applied() if self.average else nullcontext():
            loss, correct, images = summed(self._validate(), self._process).tolist()
        return loss, correct, images

    def predictions(self) -> Predictions:
        """Gather what the last evaluation has predicted; see `Answers.gathered`."""
        return self._answers.gathered(self.source.held_out, self._process)

    @torch.inference_mode()
    def _validate(self) -> Tensor:
        """Return the sums of loss, of correct answers and of images, float64 (3,)."""
        self.module.eval()
        sums = torch.zeros(3, dtype=torch.float64, device=self._process.device)
        self._answers = Answers()
        for images, labels, *_, positions in self._held_out():
            with self._precision():
                logits = self.module(images)[: len(labels)]
                losses = functional.cross_entropy(logits, labels, reduction="none")
            sums[0].add_(losses.double().sum())
            predicted = logits.argmax(1)
            self._answers.add(positions, labels, predicted)
            sums[1].add_((predicted == labels).sum())
            sums[2].add_(len(labels))
            self._process.progress.beat()
        return sums

    def _held_out(self) -> Iterator[Batch]:
        return self._strategy.validation(
            self.source, self._resolution, self._process, self.steps.micro
        )

    def _rate(self, step: int) -> float:
        return learning_rate(self._recipe, self.steps, step)

    def _sending(self, last: bool) -> AbstractContextManager[None]:
        """Send gradients in the last micro-batch of a step; before, only if the strategy must."""
        return nullcontext() if last else self._strategy.unsynchronised(self._model, self._process)

    def _precision(self) -> torch.autocast:
        reduced = self._recipe.precision == "bfloat16"
        return torch.autocast(self._process.device.type, torch.bfloat16, enabled=reduced)


def _as_validation(loss: float, correct: float, images: float) -> Metrics:
    return {"validation_loss": loss / images, ACCURACY: correct / images}


def network_of(job: TrainJob, plan: Steps, imports: tuple[str, ...]) -> nn.Module:
    """Build the job's network with weights drawn from its seed alone."""
    # Drawn on the CPU, so that all devices get the same weights. With devices=None fork_rng would
    # start CUDA in every process to save the state of all GPUs.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(Purpose.WEIGHTS, job.seed))
        network = build(
            job.architecture,
            survival=job.recipe.survival,
            dropout=job.recipe.dropout,
            norm_momentum=job.recipe.norm_momentum or norm_momentum(plan),
            initialisation=job.recipe.initialisation,
            imports=imports,
        )
    return with_norm_batch(network, job.recipe.norm_batch)


def _generator(device: torch.device) -> torch.Generator:
    """Return the generator of a device, from which dropout and stochastic depth draw."""
    # functional.dropout takes no generator: it always draws from the default one of the device.
    if device.type == "cpu":
        return torch.default_generator
    module = torch.get_device_module(device)
    module.init()  # before it, torch.cuda.default_generators is empty
    index = module.current_device() if device.index is None else device.index
    generator: torch.Generator = module.default_generators[index]
    return generator


T = TypeVar("T")


class DataWait:
    """Sums the seconds that the loop waits for the next batch."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def restart(self) -> None:
        """Start again at zero."""
        self.seconds = 0.0

    def next(self, batches: Iterator[T]) -> T:
        """Return the next batch, and add the seconds that it took."""
        started = time.perf_counter()
        batch = next(batches)
        self.seconds += time.perf_counter() - started
        return batch
