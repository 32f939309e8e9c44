"""Compound's training loop against a bare one in plain torch: same network, batches and recipe.

    python -m benchmarks.loop [--rounds 5] [--steps 20] [--threads 2]

Both sides take the same augmented batches from the same source, in float32 and channels_last, with
SGD, momentum, weight decay off norms and biases, label smoothing, clipping of the gradient's norm
and a cosine rate. The bare loop is what a careful user writes: torch.optim.SGD (its `foreach`
form, or `fused` where that is quicker: both are timed), clip_grad_norm_, one `.item()` an epoch.
The sides take turns, another one first in each round, each in a process of its own and after two
steps that do not count. After the same steps their mean losses differ by less than 0.02: that is
checked.
A worker of Compound keeps freed memory (jobs/runtime/malloc.py), which a bare loop does not:
`--same-memory` lets both, which compares the loops alone.

Goal: Compound's images per second at least 0.98 of the best bare loop's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch.nn import functional

from compound.jobs.data.batches import Batch, Feeder, Share
from compound.jobs.data.source import summarise
from compound.jobs.networks.named import NETWORKS
from compound.jobs.run_job import Process
from compound.jobs.runtime.malloc import keep_freed
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.jobs.training.optimiser.schedule import learning_rate
from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.small_network import SMALL

Side = Callable[[Architecture, int, int], tuple[float, float]]
"""Takes so many steps of a batch size; returns seconds and mean loss."""
WARM_UP = 2
CASES = {
    "small, 32 px": (SMALL, 64),
    "efficientnet-b0, 96 px": (
        NETWORKS["efficientnet-b0"].model_copy(update={"resolution": 96, "num_classes": 10}),
        16,
    ),
}


def trainer(network: Architecture, batch: int, steps: int) -> Trainer:
    """Build what Compound trains with, for so many steps an epoch."""
    spec = SyntheticData(
        source="synthetic",
        images=batch * steps,
        validation_images=16,
        num_classes=10,
        size=network.resolution,
    )
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    recipe = Recipe(epochs=2, batch=batch)
    job = TrainJob(architecture=network, recipe=recipe, data=data)
    images = DataCache().at(data, network.resolution)
    return Trainer(job, Feeder(images, recipe.augment, torch.device("cpu")), Process.single())


def batches(made: Trainer, batch: int) -> Iterator[Batch]:
    """The batches of the first epoch."""
    return made.source.training(0, 1, Share.of(batch, batch, 0, 1))


def compound(network: Architecture, batch: int, steps: int) -> tuple[float, float]:
    """Return seconds and mean loss of Compound's own steps."""
    made = trainer(network, batch, steps)
    drawn, sums = batches(made, batch), torch.zeros(2, dtype=torch.float64)
    loss = torch.zeros(())
    made.module.train()
    for step in range(WARM_UP):
        made.step(step, drawn, sums, loss)
    started = time.perf_counter()
    for step in range(WARM_UP, steps):
        made.step(step, drawn, sums, loss)
    total = float(loss)
    return time.perf_counter() - started, total / steps


def bare(fused: bool) -> Side:
    """Return a loop as people write it, with one of torch's own ways to update."""

    def run(network: Architecture, batch: int, steps: int) -> tuple[float, float]:
        made = trainer(network, batch, steps)
        model, recipe = made.module, Recipe(epochs=2, batch=batch)
        for parameter in model.parameters():  # tensors of their own again, not views of one buffer
            parameter.data, parameter.grad = parameter.data.clone(), None
        decayed = [p for p in model.parameters() if p.ndim > 1]
        undecayed = [p for p in model.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": undecayed},
        ]
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, fused=fused, foreach=not fused)
        drawn, total = batches(made, batch), torch.zeros(())

        def step(number: int, batch: Batch) -> None:
            images, labels = batch[:2]
            optimizer.zero_grad(set_to_none=True)
            loss = functional.cross_entropy(model(images), labels, label_smoothing=0.1)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, made.steps, number)
            optimizer.step()
            total.add_(loss.detach())

        model.train()
        for number, taken_batch in enumerate(islice(drawn, WARM_UP)):
            step(number, taken_batch)
        started = time.perf_counter()
        for number, taken_batch in enumerate(islice(drawn, steps - WARM_UP), start=WARM_UP):
            step(number, taken_batch)
        mean = float(total) / steps
        return time.perf_counter() - started, mean

    return run


SIDES = {"compound": compound, "bare, foreach": bare(fused=False), "bare, fused": bare(fused=True)}


def main() -> None:
    """Print images per second of every side, and the ratio to the better bare one."""
    options = parsed()
    if options.side:
        print(json.dumps(turn(options)))
        return
    for case, (_, batch) in CASES.items():
        speeds: dict[str, list[float]] = {name: [] for name in SIDES}
        losses: dict[str, float] = {}
        for number in range(options.rounds):
            for name in _turned(number):
                seconds, losses[name] = elsewhere(case, name)
                speeds[name].append((options.steps - WARM_UP) * batch / seconds)
        show(case, speeds, losses)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, default in (("rounds", 5), ("steps", 20), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--same-memory", action="store_true", help="bare loops keep memory too")
    parser.add_argument("--side", nargs=2, metavar=("CASE", "SIDE"), help="one turn, told as JSON")
    return parser.parse_args()


def elsewhere(case: str, side: str) -> tuple[float, float]:
    """Take a turn in another process, with the same options; return seconds and mean loss."""
    command = [sys.executable, "-m", "benchmarks.loop", *sys.argv[1:], "--side", case, side]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, loss = json.loads(output)
    return seconds, loss


def turn(options: argparse.Namespace) -> tuple[float, float]:
    """Take one side's turn in this process."""
    case, side = options.side
    torch.set_num_threads(options.threads)
    if side == "compound" or options.same_memory:
        keep_freed()
    return SIDES[side](*CASES[case], options.steps)


def _turned(number: int) -> list[str]:
    """Return the sides, another one first in each round."""
    sides = list(SIDES)
    first = number % len(sides)
    return sides[first:] + sides[:first]


def show(case: str, speeds: dict[str, list[float]], losses: dict[str, float]) -> None:
    """Print one network's table. AssertionError: the sides did not train the same."""
    print(f"{case}: images/s, median (least to most), mean loss")
    for name, rates in speeds.items():
        spread = f"{min(rates):.0f} to {max(rates):.0f}"
        print(f"  {name:14} {statistics.median(rates):8.1f}  ({spread})  {losses[name]:.5f}")
    rounds = zip(*speeds.values(), strict=True)
    ratios = sorted(ours / max(peers) for ours, *peers in rounds)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(f"  ratio          {statistics.median(ratios):8.2f}  ({spread})  goal 0.98")
    assert max(losses.values()) - min(losses.values()) < 0.02, "the sides trained differently"


if __name__ == "__main__":
    main()
