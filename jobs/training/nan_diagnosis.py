"""Finds the layer that was the first to put out NaN or infinity.

The training loop reads nothing from the device before the end of an epoch, when all numbers are
already lost. So a diverged job is trained again from its last checkpoint up to the failed step,
which is exact on a CPU, with hooks on every layer in that step.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from compound.jobs.parallel.failure import Diverged
from compound.jobs.training.loop.epoch_position import Partial
from compound.jobs.training.loop.trainer import Trainer


class _StepDone(Exception):
    """The failed step is over."""


def diagnose(trainer: Trainer, epoch: int, within: int, error: Diverged) -> Diverged:
    """Return the error with the name of the layer.

    `trainer` is `within` steps into the epoch after `epoch` whole ones. All ranks call it at the
    same time.
    """
    if error.step is None:
        return error
    for number in range(epoch + 1, error.epoch):
        trainer.train(number, Partial(within))
        within = 0
    trainer.graphs = None  # a CUDA graph calls no hooks
    failed, watched = error.step % trainer.steps.per_epoch, _FirstNonFinite()

    def after_step(done: int, sums: Tensor) -> None:
        if done == failed:
            watched.begin(trainer)
        if done == failed + 1:
            raise _StepDone

    if failed == within:
        watched.begin(trainer)
    with _watching(trainer.module, watched), suppress(_StepDone):
        trainer.train(error.epoch, Partial(within), after_step)
    return error.located(watched.layer or watched.weights)


class _FirstNonFinite:
    """The first layer, or weights, with numbers that are not finite in the watched step."""

    def __init__(self) -> None:
        self.watching = False
        self.layer = ""
        self.weights = ""

    def begin(self, trainer: Trainer) -> None:
        """Watch from now on; weights that are not finite already are the first finding."""
        self.watching = True
        values = trainer.flat.named(trainer.flat.values)
        lost = [name for name, tensor in values.items() if not _finite(tensor)]
        if lost:
            self.weights = f"before it {len(lost)} of {len(values)} tensors, {lost[0]} among them"

    def check(self, name: str, output: Any) -> None:
        """Check the output of a layer."""
        if self.watching and not self.layer and isinstance(output, Tensor) and not _finite(output):
            self.layer = f"{name} is the first that produces such values"


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


@contextmanager
def _watching(module: nn.Module, watched: _FirstNonFinite) -> Iterator[None]:
    leaves = {name: layer for name, layer in module.named_modules() if not any(layer.children())}
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out, name=name: watched.check(name, out))
        for name, layer in leaves.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
