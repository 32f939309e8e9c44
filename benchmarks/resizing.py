"""What growing training images save and cost: time and accuracy with and without, over seeds.

    python -m benchmarks.resizing FOLDER [--images 5000] [--epochs 10] [--seeds 3] [--start 0.6]
        [--longer 14]

FOLDER holds CIFAR-10 as train.parquet and test.parquet. A small network is trained at 32 pixels by
the same recipe on the same images; the two ways take turns, seed by seed. Times are this process'
CPU time of whole epochs, evaluation included, so that other work on the machine counts for little.
`--longer` trains with growing images for so many epochs instead: for as long as the plain one.
"""

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import torch

from compound.jobs.data.progressive_resizing import sizes
from compound.jobs.data.source import summarise
from compound.jobs.device_model import guess
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.orchestrator.plan.step_time import Pace
from compound.schemas.data import ParquetData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.small_network import SMALL


def recipe(epochs: int, resizing: dict[str, float] | None) -> Recipe:
    """Return the recipe of one way."""
    return Recipe.model_validate({"epochs": epochs, "batch": 64, "resizing": resizing})


def trained(job: TrainJob, cache: DataCache) -> tuple[float, list[float]]:
    """Train a job in a store of its own; return its accuracy and the CPU time of each epoch."""
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore.open(folder)
        marks = [time.process_time()]
        for row in run(job, store, Process.single(), cache):
            marks.append(time.process_time())
            accuracy = row.metrics["validation_accuracy"]
    return accuracy, [end - begin for begin, end in pairwise(marks)]


def main() -> None:
    """Print accuracy by seed, and the time of an epoch at each side against the full one's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    for name, default in (("images", 5000), ("epochs", 10), ("seeds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--start", type=float, default=0.6)
    parser.add_argument("--longer", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    spec = ParquetData(
        source="parquet",
        path=str(options.folder / "train.parquet"),
        validation_path=str(options.folder / "test.parquet"),
        limit=options.images,
        validation_limit=options.images // 2,
    )
    data, cache = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint), DataCache()
    ways = {"plain": None, "growing": {"start": options.start, "until": 0.8}}
    recipes = {name: recipe(options.epochs, resizing) for name, resizing in ways.items()}
    recipes["growing"] = recipe(options.longer or options.epochs, ways["growing"])
    plain, growing = (Pace(guess("cpu"), SMALL, recipe_, 64, 1) for recipe_ in recipes.values())
    print(f"sides {sizes(growing.recipe, 32)}, predicted {growing.mean_step / plain.mean_step:.2f}")
    runs_of: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for seed in range(options.seeds):
        for name in ways if seed % 2 == 0 else reversed(ways):
            job = TrainJob(architecture=SMALL, recipe=recipes[name], data=data, seed=seed)
            accuracy, epochs = trained(job, cache)
            runs_of[name].append((accuracy, sum(epochs[1:])))
            times = " ".join(f"{duration:.1f}" for duration in epochs)
            print(f"{name:8} seed {seed}: {accuracy:.2%}, epochs {times} s", flush=True)
    for name, runs in runs_of.items():
        scores, seconds = zip(*runs, strict=True)
        spread = f"sd {statistics.stdev(scores):.2%}"
        print(
            f"{name:8} {statistics.mean(scores):.2%} ({spread}), {statistics.mean(seconds):.0f} s"
        )
    ratios = [b[1] / a[1] for a, b in zip(*runs_of.values(), strict=True)]
    print(f"time {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
