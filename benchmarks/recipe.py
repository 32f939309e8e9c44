"""`recipe: modern` against public recipes: how good a small network becomes, and in which time.

    python -m benchmarks.recipe --cifar10 DIR --fashion DIR --out results.jsonl \
        [--data cifar10,fashion] [--networks mbconv,resnet,mobilenet] [--epochs 8,30] \
        [--sides modern,plain,torchvision,a3] [--modern '{"nesterov": false}' ...]
    python -m benchmarks.recipe --out results.jsonl --summary

Each side trains the same network on the same 10,000 images in batches of 128, and its last weights
are evaluated on the same 5,000 images. `modern` is trained by Compound's own loop. The others are
loops in plain torch, of words of our own:

- plain: torch's own first weights, SGD with Nesterov momentum, torch's OneCycleLR up to 0.2, weight
  decay 5e-4 on everything, shifted and mirrored images.
- torchvision: the recipe of its newer weights ("How to Train State-Of-The-Art Models Using
  TorchVision's Latest Primitives", 2021): SGD, 0.5 per 1,024 images, cosine after a short
  warm-up, label smoothing 0.1, weight decay 2e-5 off norms. What needs hundreds of epochs is left
  out, for small data: TrivialAugment, mixup, CutMix and the slow average.
- a3: "ResNet strikes back" (arXiv 2110.00476), A3: LAMB, 8e-3 per 2,048 images by the square root,
  binary cross-entropy, weight decay 0.02, mixup 0.1, CutMix 1, RandAugment of magnitude 6.

A result is a line of JSON in --out; what is there is not trained again. `--modern` adds a side that
differs from `modern` in some keys of the recipe. One thread: sides are compared by accuracy.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from compound.jobs.data.batches import Batch, Feeder, Share
from compound.jobs.data.source import inspect
from compound.jobs.models.build import build
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import stretch
from compound.jobs.run_job import Process
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.architecture import Architecture
from compound.schemas.data import DataSpec, IdxData, ParquetData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.metrics import ACCURACY
from compound.schemas.recipe import Augment, Recipe

BATCH, HELD_OUT = 128, 5_000
KEYS = ("data", "images", "pixels", "network", "epochs", "side", "seed")
Task = tuple[Any, ...]
"""What a result is of, in the order of KEYS."""


def data_of(name: str, folder: Path, images: int) -> DataSpec:
    """Return the first images of a data set."""
    if name == "fashion":
        return IdxData(source="idx", path=str(folder), limit=images, validation_limit=HELD_OUT)
    return ParquetData(
        source="parquet",
        path=str(folder / "train.parquet"),
        validation_path=str(folder / "test.parquet"),
        limit=images,
        validation_limit=HELD_OUT,
    )


def network_of(name: str, channels: int, side: int) -> Architecture:
    """Return a small network of 10 classes."""
    shape = {"resolution": side, "num_classes": 10, "in_channels": channels}
    if name == "mobilenet":
        halved = stretch(NETWORKS["mobilenet-v2"], 1, 0.5, side)
        return halved.model_copy(update=shape)
    return Architecture.model_validate({**shape, **OWN[name]})


OWN: dict[str, dict[str, Any]] = {
    "mbconv": {
        "stem": {"channels": 16},
        "stages": [
            {"channels": 16, "expand": 1},
            {"channels": 24, "expand": 4, "stride": 2, "repeats": 2},
            {"channels": 56, "expand": 4, "stride": 2, "repeats": 2},
        ],
        "head": 192,
    },
    "resnet": {
        "family": "resnet",
        "stem": {"channels": 16, "stride": 1},
        "stages": [
            {"block": "basic", "channels": 16},
            {"block": "basic", "channels": 32, "stride": 2},
            {"block": "basic", "channels": 64, "stride": 2},
        ],
        "head": 0,
    },
}


class Lamb(torch.optim.Optimizer):
    """Adam's step at the length of the weights (You et al., arXiv 1904.00962), clipped."""

    def __init__(self, parameters: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self._steps = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Move every parameter."""
        self._steps += 1
        for group in self.param_groups:
            nn.utils.clip_grad_norm_(group["params"], 1.0)
            for weight in group["params"]:
                self._move(weight, group["lr"], group["weight_decay"])

    def _move(self, weight: Tensor, rate: float, decay: float) -> None:
        state = self.state[weight]
        mean = state.setdefault("mean", torch.zeros_like(weight))
        square = state.setdefault("square", torch.zeros_like(weight))
        assert weight.grad is not None
        mean.lerp_(weight.grad, 0.1)
        square.mul_(0.999).addcmul_(weight.grad, weight.grad, value=0.001)
        root = (square / (1 - 0.999**self._steps)).sqrt_().add_(1e-6)
        move = mean / (1 - 0.9**self._steps) / root
        if weight.ndim > 1:
            move.add_(weight, alpha=decay)
            move.mul_(weight.norm() / move.norm().clamp(min=1e-12))
        weight.sub_(move, alpha=rate)


@dataclass(frozen=True)
class Public:
    """A public recipe, as a plain loop follows it."""

    initialisation: Any
    augment: Augment
    loss: Callable[[Tensor, Batch], Tensor]
    optimiser: Callable[[nn.Module], torch.optim.Optimizer]
    schedule: Callable[[torch.optim.Optimizer, int], torch.optim.lr_scheduler.LRScheduler]


def sgd(rate: float, decay: float, norms: float, *, nesterov: bool) -> Any:
    """Return what makes SGD for a network, with another weight decay for norms and biases."""

    def made(module: nn.Module) -> torch.optim.Optimizer:
        weights = [weight for weight in module.parameters() if weight.ndim > 1]
        others = [weight for weight in module.parameters() if weight.ndim <= 1]
        groups = [
            {"params": weights, "weight_decay": decay},
            {"params": others, "weight_decay": norms},
        ]
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=nesterov)

    return made


def one_cycle(rate: float) -> Any:
    """Return torch's OneCycleLR with its own shape."""

    def made(optimiser: torch.optim.Optimizer, steps: int) -> Any:
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rate, total_steps=steps, cycle_momentum=False
        )

    return made


def warm_cosine(optimiser: torch.optim.Optimizer, steps: int) -> Any:
    """Rise over a twentieth of the steps, then fall along a cosine."""
    rise = max(1, steps // 20)
    kinds = torch.optim.lr_scheduler
    rising = kinds.LinearLR(optimiser, 0.01, total_iters=rise)
    falling = kinds.CosineAnnealingLR(optimiser, steps - rise)
    return kinds.SequentialLR(optimiser, [rising, falling], [rise])


def smoothed(smoothing: float) -> Callable[[Tensor, Batch], Tensor]:
    """Return cross-entropy on smoothed labels."""
    return lambda logits, batch: functional.cross_entropy(
        logits, batch.labels, label_smoothing=smoothing
    )


def binary(logits: Tensor, batch: Batch) -> Tensor:
    """Return the binary cross-entropy of every class with the shares of mixed labels."""
    own = functional.one_hot(batch.labels, logits.shape[1]).float()
    if batch.share is not None and batch.mixed_labels is not None:
        other = functional.one_hot(batch.mixed_labels, logits.shape[1]).float()
        share = batch.share[:, None]
        own = share * own + (1 - share) * other
    return functional.binary_cross_entropy_with_logits(logits, own)


PUBLIC = {
    "plain": Public(
        "torch", Augment(), smoothed(0), sgd(0.2, 5e-4, 5e-4, nesterov=True), one_cycle(0.2)
    ),
    "torchvision": Public(
        "family", Augment(), smoothed(0.1), sgd(0.0625, 2e-5, 0, nesterov=False), warm_cosine
    ),
    "a3": Public(
        "family",
        Augment(policy="randaugment", magnitude=6, mixup=0.1, cutmix=1),
        binary,
        lambda module: Lamb(list(module.parameters()), 8e-3 * (BATCH / 2048) ** 0.5, 0.02),
        warm_cosine,
    ),
}


def train_public(network: Architecture, data: DataRef, side: str, epochs: int, seed: int) -> float:
    """Return the accuracy that a public recipe reaches."""
    recipe = PUBLIC[side]
    images = DataCache().at(data, network.resolution)
    feeder = Feeder(images, recipe.augment, torch.device("cpu"))
    torch.manual_seed(seed)
    described = network.model_copy(update={"norm_epsilon": 1e-5})
    module = build(described, initialisation=recipe.initialisation, norm_momentum=0.1)
    optimiser = recipe.optimiser(module)
    schedule = recipe.schedule(optimiser, epochs * (feeder.images // BATCH))
    share = Share.of(BATCH, BATCH, 0, 1)
    for epoch in range(1, epochs + 1):
        module.train()
        for batch in feeder.training(seed, epoch, share):
            optimiser.zero_grad()
            recipe.loss(module(batch.images), batch).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return accuracy(module, feeder)


@torch.inference_mode()
def accuracy(module: nn.Module, feeder: Feeder) -> float:
    """Return the fraction of held-out images that are classified correctly."""
    module.eval()
    right = sum(
        int((module(batch.images).argmax(1) == batch.labels).sum())
        for batch in feeder.validation(0, 1, 500)
    )
    return right / feeder.held_out


def train_modern(
    network: Architecture, data: DataRef, changes: dict[str, Any], epochs: int, seed: int
) -> float:
    """Return the accuracy that Compound's recipe reaches in Compound's loop."""
    recipe = Recipe.model_validate({"epochs": epochs, "batch": BATCH, **changes})
    images = DataCache().at(data, network.resolution)
    feeder = Feeder(images, recipe.augment, torch.device("cpu"))
    job = TrainJob(architecture=network, recipe=recipe, data=data, seed=seed)
    trainer = Trainer(job, feeder, Process.single())
    for epoch in range(1, epochs):
        trainer.train(epoch)
    return trainer.epoch(epochs)[ACCURACY]


def tasks(args: argparse.Namespace) -> Iterator[Task]:
    """Yield what is wanted, seed by seed, so that an early end leaves every side with some."""
    for epochs in args.epochs:
        for name in args.data:
            for network in args.networks:
                for seed in range(args.first_seed, args.seeds):
                    for side in (*args.sides, *args.modern):
                        yield name, args.images, args.pixels, network, epochs, side, seed


def measured(task: Task, data: DataRef, channels: int) -> dict[str, Any]:
    """Train one task, and return it with its accuracy and seconds."""
    _, _, pixels, network_name, epochs, recipe, seed = task
    network, started = network_of(network_name, channels, pixels), time.process_time()
    if recipe in PUBLIC:
        score = train_public(network, data, recipe, epochs, seed)
    else:
        changes = {} if recipe == "modern" else json.loads(recipe)
        score = train_modern(network, data, changes, epochs, seed)
    seconds = time.process_time() - started
    return {**dict(zip(KEYS, task, strict=True)), "accuracy": score, "seconds": round(seconds, 1)}


def read(out: Path) -> dict[Task, dict[str, Any]]:
    """Return the results that there are."""
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    return {tuple(row[key] for key in KEYS): row for row in rows}


def summarise(rows: dict[Task, dict[str, Any]]) -> None:
    """Print mean accuracy and its spread for every side, and the best public one beside modern."""
    groups: dict[Task, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (*case, side, _), row in rows.items():
        groups[tuple(case)][side].append(row["accuracy"])
    for case, sides in groups.items():
        print(*case, "epochs")
        for side, scores in sorted(sides.items(), key=lambda entry: -statistics.mean(entry[1])):
            spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
            print(
                f"  {statistics.mean(scores):7.2%} +- {spread:5.2%} of {len(scores)} seeds  {side}"
            )


def main() -> None:
    """Train what is asked for and not there yet."""
    args = arguments()
    if args.summary:
        summarise(read(args.out))
        return
    torch.set_num_threads(1)
    for name in args.data:
        spec = data_of(name, args.cifar10 if name == "cifar10" else args.fashion, args.images)
        info = inspect(spec)
        data = DataRef(spec=spec, fingerprint=info.fingerprint, undecodable=info.undecodable)
        for task in tasks(args):
            if task[0] != name or task in read(args.out):
                continue
            row = measured(task, data, info.in_channels)
            with args.out.open("a") as file:
                print(json.dumps(row), file=file)
            print(json.dumps(row), flush=True)


def arguments() -> argparse.Namespace:
    """Return the command line."""

    def names(text: str) -> list[str]:
        return text.split(",")

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser()
    parser.add_argument("--cifar10", type=Path)
    parser.add_argument("--fashion", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=names, default=["cifar10", "fashion"])
    parser.add_argument("--networks", type=names, default=["mbconv", "resnet", "mobilenet"])
    parser.add_argument("--epochs", type=numbers, default=[8, 30])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--pixels", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--sides", type=names, default=["modern", *PUBLIC])
    parser.add_argument("--modern", action="append", default=[])
    parser.add_argument("--summary", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
