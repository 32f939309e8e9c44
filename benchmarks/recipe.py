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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.public_recipes import BATCH, PUBLIC_RECIPES, train_public
from compound.jobs.data.batches import Feeder
from compound.jobs.data.source import inspect
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import stretch
from compound.jobs.run_job import Process
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.architecture import Architecture
from compound.schemas.data import DataSpec, IdxData, ParquetData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.metrics import ACCURACY
from compound.schemas.recipe import Recipe

HELD_OUT = 5_000
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
    if recipe in PUBLIC_RECIPES:
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
    """Print every side's mean accuracy and its deviation between seeds, the best first."""
    groups: dict[Task, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (*where, side, _), row in rows.items():
        groups[tuple(where)][side].append(row["accuracy"])
    for case, sides in groups.items():
        print(*case, "epochs")
        for side, scores in sorted(sides.items(), key=lambda entry: -statistics.mean(entry[1])):
            noise = f" +- {statistics.stdev(scores):5.2%}" if len(scores) > 1 else ""
            print(f"  {statistics.mean(scores):7.2%}{noise}  {len(scores)} x  {side}")


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
    parser.add_argument("--sides", type=names, default=["modern", *PUBLIC_RECIPES])
    parser.add_argument("--modern", action="append", default=[])
    parser.add_argument("--summary", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
