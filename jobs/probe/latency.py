"""The latency of one image: the measurement of EfficientNet's Table 4, on this machine.

Batch 1, one thread, evaluation mode, float32. The networks take turns, so that other load on the
machine affects all of them equally.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from compound.jobs.models.build import build
from compound.jobs.runtime.torch_settings import settled
from compound.schemas.architecture import Architecture

RUNS = 20
"""Timed runs, as in the paper."""
WARM_UP = 2
LIMIT_S = 40.0
"""Seconds after which no new round of timed runs begins, on a slow machine."""


@dataclass(frozen=True)
class Latency:
    """The seconds of each timed run of one network, in their order."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median run, on which a few disturbed runs have no effect."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile; those of one run are that run."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, method="inclusive")
        return low, high


def measure(
    networks: Sequence[Architecture], *, runs: int = RUNS, limit: float = LIMIT_S
) -> list[Latency]:
    """Time the forward pass of each network on one image; at least one run each."""
    with settled(threads=1), torch.inference_mode():
        forwards = [_forward(network) for network in networks]
        # The first passes allocate memory, and oneDNN chooses its kernels in them.
        for forward in forwards * WARM_UP:
            forward()
        rounds = list(_rounds(forwards, runs, limit))
    return [Latency(seconds) for seconds in zip(*rounds, strict=True)]


def _rounds(
    forwards: Sequence[Callable[[], object]], runs: int, limit: float
) -> Iterator[tuple[float, ...]]:
    started = time.perf_counter()
    for number in range(runs):
        if number and time.perf_counter() - started > limit:
            return
        yield tuple(_seconds(forward) for forward in forwards)


def _seconds(forward: Callable[[], object]) -> float:
    started = time.perf_counter()
    forward()
    return time.perf_counter() - started


def _forward(network: Architecture) -> Callable[[], object]:
    """Return the forward pass of a network with random weights on one random image."""
    module, side = build(network).eval(), network.resolution
    image = torch.rand(1, network.in_channels, side, side)
    return lambda: module(image)
