"""Which layer was the first to put out numbers that are not finite.

The training loop reads nothing from the device before an epoch is over, and by then everything is
lost. So a job that has diverged is trained once more from its last checkpoint up to the step that
failed, which is exact on a CPU, and watched there.
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
    """The step that failed is over."""


def diagnose(trainer: Trainer, epoch: int, within: int, error: Diverged) -> Diverged:
    """Return the error with the layer named.

    `trainer` stands `within` steps into the epoch after `epoch` whole ones. All ranks call it
    together.
    """
    if error.step is None:
        return error
    for number in range(epoch + 1, error.epoch):
        trainer.train(number, Partial(within))
        within = 0
    trainer.graphs = None  # a recording calls no hooks
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
    """What was seen in the one step that is watched."""

    def __init__(self) -> None:
        self.watching = False
        self.layer = ""
        self.weights = ""

    def begin(self, trainer: Trainer) -> None:
        """Watch from here on; weights that are lost already come first."""
        self.watching = True
        values = trainer.flat.named(trainer.flat.values)
        lost = [name for name, tensor in values.items() if not _finite(tensor)]
        if lost:
            self.weights = f"before it {len(lost)} of {len(values)} tensors, {lost[0]} among them"

    def check(self, name: str, output: Any) -> None:
        """Take in what a layer puts out."""
        if self.watching and not self.layer and isinstance(output, Tensor) and not _finite(output):
            self.layer = f"{name} puts out such values first"


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
