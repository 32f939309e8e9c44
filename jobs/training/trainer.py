"""The training loop: plain torch, nothing read from the device before an epoch is over."""

import math
import time
import warnings
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from jobs.data.batches import Batch, Feeder, Share
from jobs.data.images import Images
from jobs.models.build import build
from jobs.seeds import Purpose, derive
from jobs.training.average import Average
from jobs.training.collective import averaged, summed
from jobs.training.failure import Diverged
from jobs.training.flat import flatten
from jobs.training.loss import loss_of
from jobs.training.optimiser import condition, optimiser
from jobs.training.process import Process
from jobs.training.schedule import Steps, learning_rate, norm_momentum, steps
from schemas.job import TrainJob

Metrics = dict[str, float]


class Trainer:
    """One job on one rank: the network, its optimiser, and the loop that moves them."""

    def __init__(self, job: TrainJob, images: Images, process: Process, *, splits: int = 1) -> None:
        """Build everything, alike on every rank. PlanError: the batch cannot be shared.

        `splits`: parts that every micro-batch of the recipe is cut into.
        """
        self._recipe, self._seed, self._process = job.recipe, job.seed, process
        self.steps = steps(job.recipe, len(images.train), process.world_size, splits)
        accumulate = job.recipe.accumulate * splits
        self._share = Share(self.steps.batch, self.steps.micro, accumulate, process.rank)
        self._feeder = Feeder(images, job.recipe.augment, process.device)
        self._held_out = len(images.validation)
        self._generator = _generator(process.device)
        self.module = _network(job, self.steps, process.imports)
        self.flat = flatten(self.module, process.device)
        self.optimiser = optimiser(job.recipe, self.flat)
        self.average = Average(self.flat, job.recipe.ema) if job.recipe.ema else None
        self._model = self.module

    def connect(self) -> None:
        """Wrap the network for several ranks; all of them have to call this at the same time.

        Each rank normalises by its own batches; the running statistics are averaged over the
        ranks after every epoch, so they are not sent around at each step.
        """
        if self._process.world_size > 1:
            with warnings.catch_warnings():  # newer torch renames the option, older lacks the name
                warnings.simplefilter("ignore", FutureWarning)
                self._model = DistributedDataParallel(self.module, broadcast_buffers=False)

    def epoch(self, number: int) -> Metrics:
        """Train for one epoch, counted from 1, and evaluate. Diverged: a loss is not finite."""
        started = time.perf_counter()
        loss, correct = self._train(number).tolist()
        trained = time.perf_counter()
        images = self.steps.per_epoch * self.steps.batch
        metrics = {
            "train_loss": loss / images,
            "train_accuracy": correct / images,
            **self._evaluate(),
            "learning_rate": self._rate(number * self.steps.per_epoch - 1),
            "images_per_second": images / (trained - started),
            "seconds": time.perf_counter() - started,
        }
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise Diverged(number, name, value)
        return metrics

    def _train(self, epoch: int) -> Tensor:
        """Return the sums of loss and of correct answers over the epoch's images, float64 (2,)."""
        self.module.train()
        sums = torch.zeros(2, dtype=torch.float64, device=self._process.device)
        batches = self._feeder.training(self._seed, epoch, self._share)
        first = (epoch - 1) * self.steps.per_epoch
        for step in range(first, first + self.steps.per_epoch):
            self._generator.manual_seed(derive(Purpose.STEP, self._seed, step, self._process.rank))
            self.flat.gradients.zero_()
            for micro in range(1, self._share.accumulate + 1):
                with self._sharing(micro == self._share.accumulate):
                    self._backward(next(batches), sums)
            condition(self.flat, self._recipe)
            self.optimiser.step(self._rate(step))
            if self.average:
                self.average.update(step + 1)
        return self._settled(sums)

    def _backward(self, batch: Batch, sums: Tensor) -> None:
        labels = batch.labels
        with self._precision():
            logits = self._model(batch.images)
            loss = loss_of(logits, batch, self._recipe.label_smoothing)
        (loss / self._share.accumulate).backward()  # type: ignore[no-untyped-call]
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
            loss, correct = summed(self._validate(), self._process).tolist()
        return {
            "validation_loss": loss / self._held_out,
            "validation_accuracy": correct / self._held_out,
        }

    @torch.inference_mode()
    def _validate(self) -> Tensor:
        self.module.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self._process.device)
        rank, world_size = self._process.rank, self._process.world_size
        for images, labels, *_ in self._feeder.validation(rank, world_size, self.steps.micro):
            with self._precision():
                logits = self.module(images)
                losses = functional.cross_entropy(logits, labels, reduction="none")
            sums[0].add_(losses.double().sum())
            sums[1].add_((logits.argmax(1) == labels).sum())
        return sums

    def _rate(self, step: int) -> float:
        return learning_rate(self._recipe, self.steps, step)

    def _sharing(self, last: bool) -> AbstractContextManager[None]:
        """Let only the last micro-batch send its gradients to the other ranks."""
        if last or not isinstance(self._model, DistributedDataParallel):
            return nullcontext()
        context: AbstractContextManager[None] = self._model.no_sync()
        return context

    def _precision(self) -> torch.autocast:
        reduced = self._recipe.precision == "bfloat16"
        return torch.autocast(self._process.device.type, torch.bfloat16, enabled=reduced)


def _network(job: TrainJob, plan: Steps, imports: tuple[str, ...]) -> nn.Module:
    """Build the job's network with weights drawn from its seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(Purpose.WEIGHTS, job.seed))
        return build(
            job.architecture,
            survival=job.recipe.survival,
            dropout=job.recipe.dropout,
            norm_momentum=job.recipe.norm_momentum or norm_momentum(plan),
            imports=imports,
        )


def _generator(device: torch.device) -> torch.Generator:
    """Return the generator that dropout and stochastic depth draw from on a device."""
    if device.type != "cuda":
        return torch.default_generator
    torch.cuda.init()  # type: ignore[no-untyped-call]
    index = torch.cuda.current_device() if device.index is None else device.index
    return torch.cuda.default_generators[index]
