"""RMSProp with weight decay and averages of EfficientNet-B0: ours beside torch.optim, on a CPU.

    python -m benchmarks.update [--threads 1] [--lengths 16384 131072] [--compiled] [--cpu]

Goal: 3 times as fast as torch.optim.RMSprop and an average tensor by tensor. Its update is not
TensorFlow's to the letter (epsilon outside the root); it makes the same passes over memory.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from compound.jobs.models.build import build
from compound.jobs.networks.efficientnet import B0
from compound.jobs.parallel.flat_parameters import flatten
from compound.jobs.training.optimiser.cache_blocks import CHUNK
from compound.jobs.training.optimiser.ema import Average
from compound.jobs.training.optimiser.update import Update
from compound.schemas.recipe import Recipe

ROUNDS = 9
STEPS = 5
CPU = torch.device("cpu")
RECIPE = Recipe.model_validate({"recipe": "paper"})


def peer(foreach: bool) -> Callable[[], None]:
    """Return a step of torch's optimiser and of an average of weights and statistics."""
    module = build(B0)
    weights = list(module.parameters())
    for weight in weights:
        weight.grad = torch.randn_like(weight) * 0.01
    tensors = [tensor.detach() for tensor in (*weights, *_statistics(module))]
    averages = [tensor.clone() for tensor in tensors]
    groups: list[dict[str, Any]] = [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 1e-5},
        {"params": [weight for weight in weights if weight.ndim <= 1]},
    ]
    theirs = torch.optim.RMSprop(
        groups, lr=1e-4, alpha=0.9, eps=1e-3, momentum=0.9, foreach=foreach
    )

    def step() -> None:
        theirs.step()
        for average, tensor in zip(averages, tensors, strict=True):
            average.lerp_(tensor, 1e-4)

    return step


def _statistics(module: torch.nn.Module) -> list[torch.Tensor]:
    return [buffer for buffer in module.buffers() if buffer.is_floating_point()]


def ours(length: int, compiled: bool = False) -> Callable[[], None]:
    """Return a step of ours in runs of `length` parameters."""
    flat = flatten(build(B0), CPU)
    flat.gradients.normal_(0, 0.01)
    update = Update(RECIPE, flat, Average(flat, 0.9999), length, compiled=compiled)
    return lambda: update.step(1e-4, 100_000)


def milliseconds(step: Callable[[], None], clock: Callable[[], float]) -> float:
    """Return the time of a step, over a few after some that are not counted."""
    for _ in range(3):
        step()
    started = clock()
    for _ in range(STEPS):
        step()
    return (clock() - started) / STEPS * 1e3


def main() -> None:
    """Take the sides in turn, and print medians, spreads and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--lengths", type=int, nargs="*", default=[CHUNK, 10**9])
    parser.add_argument("--cpu", action="store_true", help="CPU time, on a machine that is busy")
    parser.add_argument("--compiled", action="store_true", help="ours by torch.compile as well")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu else time.perf_counter
    sides = {"torch.optim": peer(False), "torch.optim, foreach": peer(True)}
    sides |= {f"ours, runs of {length:,}": ours(length) for length in options.lengths}
    if options.compiled:
        sides["ours, compiled"] = ours(CHUNK, compiled=True)
    times = {name: list[float]() for name in sides}
    for _ in range(ROUNDS):
        for name, step in sides.items():
            times[name].append(milliseconds(step, clock))
    first = times["torch.optim"]
    print(f"EfficientNet-B0, {options.threads} threads, {ROUNDS} rounds of {STEPS} steps")
    for name, samples in times.items():
        ratios = sorted(a / b for a, b in zip(first, samples, strict=True))
        print(
            f"{name:32}{statistics.median(samples):8.2f} ms "
            f"({min(samples):.2f} to {max(samples):.2f})"
            f"  x{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
