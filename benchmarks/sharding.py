"""Memory and time of a rank: a network that every rank holds (DDP) against one that they divide.

    python -m benchmarks.sharding [--networks efficientnet-b0] [--ranks 2 4] [--rounds 3] [--json]

Processes of one thread talk by gloo on this machine; RMSProp with the average, 4 images of 32
pixels a rank and 1,000 classes, so that a step is nearly all weights. Sides take turns. Every rank
first trains a small network both ways, so that libraries are loaded; what it holds then is taken
off.

rest: the rank's resident memory above that once the trainer is built. peak: the most of it in two
steps (VmHWM, which is cleared before). seconds: of the second step, of one core (process time,
which other load on the machine does not lengthen much).
"""

import argparse
import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from compound.jobs.data.batches import Feeder
from compound.jobs.data.source import summarise
from compound.jobs.networks.named import NETWORKS
from compound.jobs.parallel.collective import leave
from compound.jobs.run_job import Process
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.recipe import Recipe

IMAGES, PIXELS, CLASSES = 4, 32, 1000
STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(name: str) -> float:
    """Return a figure of this process's memory in MB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6


def settled() -> float:
    """Give back what is free, begin a new peak, and return what is held in MB."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    PEAK.write_text("5")
    return resident("VmRSS")


def trainer(network: Architecture, sharded: bool) -> Trainer:
    """Build one rank's trainer."""
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    process = Process(rank, ranks, torch.device("cpu"), 1, parallel="full" if sharded else "none")
    spec = SyntheticData(
        source="synthetic", images=IMAGES * ranks, validation_images=ranks, size=PIXELS
    )
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    recipe = Recipe(epochs=2, batch=IMAGES * ranks, optimizer="rmsprop", ema=0.9999)
    network = network.model_copy(update={"resolution": PIXELS, "num_classes": CLASSES})
    job = TrainJob(architecture=network, recipe=recipe, data=data)
    source = Feeder(DataCache().at(data, PIXELS), recipe.augment, process.device)
    made = Trainer(job, source, process)
    made.connect()
    return made


def one_rank(network: str, sharded: bool) -> None:
    """Train two epochs of one step; the first rank prints what it took."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    trainer(NETWORKS["mobilenet-v1"], sharded).train(1)
    before = settled()
    made = trainer(NETWORKS[network], sharded)
    rest = settled() - before
    made.train(1)
    begun = time.process_time()
    made.train(2)
    seconds = time.process_time() - begun
    if distributed.get_rank() == 0:
        weights = 4e-6 * sum(w.numel() for w in made.module.parameters())
        figures = {"weights": weights, "rest": rest, "peak": resident("VmHWM") - before}
        sys.stdout.write(json.dumps({**figures, "seconds": seconds}) + "\n")
    leave()


def measured(network: str, ranks: int, sharded: bool) -> dict[str, float]:
    """Start ranks, and return the figures of the first."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    command = [sys.executable, *launcher, __file__, "--rank", network, *["--divide"] * sharded]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def compared(network: str, ranks: int, rounds: int) -> dict[str, Any]:
    """Return medians of both sides."""
    sides: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for number in range(rounds):
        for sharded in (False, True) if number % 2 else (True, False):
            sides[sharded].append(measured(network, ranks, sharded))
    medians = {
        name: {key: statistics.median(sample[key] for sample in sides[on]) for key in sides[on][0]}
        for name, on in (("ddp", False), ("divided", True))
    }
    return {"network": network, "ranks": ranks, **medians}


def text_of(figures: dict[str, Any]) -> str:
    ddp, divided = figures["ddp"], figures["divided"]
    numbers = "  ".join(
        f"{key} {ddp[key]:8.2f} {divided[key]:8.2f} ({divided[key] / ddp[key]:.2f})"
        for key in ("rest", "peak", "seconds")
    )
    name = f"{figures['network']}, {figures['ranks']} ranks, weights {ddp['weights']:.0f} MB"
    return f"{name}: DDP, divided  {numbers}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--networks", nargs="+", default=["efficientnet-b0", "efficientnet-b7"])
    parser.add_argument("--ranks", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    parser.add_argument("--divide", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        return one_rank(options.rank, options.divide)
    for network in options.networks:
        for ranks in options.ranks:
            figures = compared(network, ranks, options.rounds)
            sys.stdout.write(json.dumps(figures) + "\n" if options.json else text_of(figures))
            sys.stdout.flush()
    return None


if __name__ == "__main__":
    main()
