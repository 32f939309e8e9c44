"""A GPU made of arithmetic: what each operation of a real training step would take on one.

The operations are those of torch's own forward and backward pass, recorded on tensors without
storage. The host issues one after another at its own pace; the device takes each when it is issued
and the one before is done, at the speed of its units or its memory, whichever takes longer, which
small operations reach in part. Nothing here knows of the features that a probe fits.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from compound.jobs.device_model import combine, memory_features
from compound.jobs.models.build import build
from compound.jobs.networks.workload import workload
from compound.jobs.probe.step_timing import Case, Measured
from compound.schemas.architecture import Architecture

QUEUED = 1024
"""Launches that a CUDA stream holds before the host has to wait."""
UPDATE = 8
"""Operations of one update of all weights, which lie in flat buffers."""
_SHAPES_ONLY = {"view", "t", "expand", "detach", "unsqueeze", "slice", "empty", "empty_like"}
_BYTES = {"cuda": {"base": 10e6, "state": 1.0, "saved": 1.0, "activation": 0.3}}


class Operation(NamedTuple):
    """One kernel: what it computes, and what it moves."""

    kind: str
    """`dense`, `depthwise` or `pass`."""
    macs: float
    elements: float
    """Numbers read and written."""


@dataclass(frozen=True)
class GPU:
    """A device with its host."""

    launch: float
    """Seconds in which the host issues an operation."""
    floor: float
    """Seconds that the smallest operation occupies the device."""
    dense: float
    """Multiplications a second, at best."""
    depthwise: float
    bandwidth: float
    """Bytes a second, at best."""
    filled: float
    """Elements with which an operation reaches half of that."""

    def seconds(self, operation: Operation) -> float:
        """Return how long an operation occupies the device."""
        rate = self.depthwise if operation.kind == "depthwise" else self.dense
        part = operation.elements / (operation.elements + self.filled)
        work = max(operation.macs / rate, 4 * operation.elements / self.bandwidth)
        return self.floor + work / max(part, 1e-9)

    def step(self, case: Case, steps: int = 3) -> float:
        """Return the seconds of a training step between others, where the host may run ahead."""
        busy = [self.seconds(operation) for operation in traced(case.network, case.images)]
        return self._ends(busy, steps) - self._ends(busy, steps - 1)

    def step_alone(self, case: Case) -> float:
        """Return the seconds of a step after which the host waits for the device."""
        busy = [self.seconds(operation) for operation in traced(case.network, case.images)]
        return self._ends(busy, 1)

    def _ends(self, busy: Sequence[float], steps: int) -> float:
        """Return when the device has done some steps."""
        host = device = 0.0
        queue: deque[float] = deque(maxlen=QUEUED)
        for seconds in [*busy] * steps:
            host += self.launch
            if len(queue) == QUEUED:
                host = max(host, queue[0])
            device = max(host, device) + seconds
            queue.append(device)
        return device

    def measured(self, case: Case, rng: np.random.Generator, noise: float = 0.05) -> Measured:
        """Return what a probe would measure of a case, give or take the noise."""
        seconds = self.step(case) * float(rng.lognormal(0, noise))
        features = memory_features(workload(case.network), case.images, kind="cuda")
        held = combine(_BYTES["cuda"], features) * float(rng.lognormal(0, noise))
        return Measured(seconds=seconds, evaluation=0.3 * seconds, bytes=round(held), spread=1.0)


GPUS = {
    "h200": GPU(10e-6, 2.5e-6, 65e12, 1.8e12, 2.2e12, 1e6),
    "h100": GPU(8e-6, 2.5e-6, 60e12, 1.6e12, 1.7e12, 1e6),
    "a100": GPU(9e-6, 2.5e-6, 26e12, 0.9e12, 0.95e12, 7e5),
    "v100": GPU(10e-6, 3e-6, 6e12, 0.5e12, 0.5e12, 5e5),
    "t4": GPU(12e-6, 3e-6, 2.2e12, 0.25e12, 0.18e12, 2e5),
    "h100, slow host": GPU(25e-6, 2.5e-6, 60e12, 1.6e12, 1.7e12, 1e6),
}
"""Launches, attained multiplications in float32 or TF32, and bandwidth of well-known devices."""


class _Recorder(TorchDispatchMode):
    """Records what each operation computes and moves."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in _SHAPES_ONLY:
            self.operations.append(_operation(name, args, result))
        return result


def _operation(name: str, args: tuple[Any, ...], result: Any) -> Operation:
    results = result if isinstance(result, tuple | list) else [result]
    tensors = [t for t in (*args, *results) if isinstance(t, Tensor)]
    elements = float(sum(t.numel() for t in tensors))
    if name == "convolution":
        kind = "depthwise" if args[8] > 1 else "dense"
        return Operation(kind, float(result.numel() * args[1][0].numel()), elements)
    if name == "convolution_backward":
        kind = "depthwise" if args[9] > 1 else "dense"
        return Operation(kind, 2.0 * args[0].numel() * args[2][0].numel(), 1.5 * elements)
    return Operation("pass", 0.0, elements)


@cache
def traced(network: Architecture, images: int) -> tuple[Operation, ...]:
    """Return the operations of one training step, its update included."""
    shape = (images, network.in_channels, network.resolution, network.resolution)
    with torch.device("meta"):
        module = build(network).train()
        pixels, labels = torch.empty(shape), torch.empty(images, dtype=torch.long)
    for weights in module.parameters():
        weights.grad = torch.zeros_like(weights)
    with _Recorder() as recorder:
        functional.cross_entropy(module(pixels), labels).backward()
    update = Operation("pass", 0.0, 3.0 * workload(network).params)
    return (*recorder.operations, *[update] * UPDATE)
