"""Copies of a trainer's state in the host's memory, from which a checkpoint is written.

Training waits only for a copy of the flat buffers. On a GPU it does not wait at all: the copies go
through its stream into pinned memory, between two steps, and the thread that reads them waits for
an event.
"""

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from compound.jobs.models.weight_file import AVERAGE, MODEL
from compound.jobs.parallel.flat_parameters import apart
from compound.jobs.store.format.checkpoint import SLOT

if TYPE_CHECKING:
    from compound.jobs.training.loop.trainer import Trainer

_VALUES, _AVERAGE, _SUMS = "values", "average", "sums"


class Snapshot:
    """Buffers of the size of a trainer's state, used again for every checkpoint."""

    def __init__(self, trainer: "Trainer") -> None:
        self._flat = trainer.flat
        self._slots = tuple(trainer.optimiser.slots)
        self._averages = trainer.average is not None
        device = trainer.flat.values.device
        self._module = None if device.type == "cpu" else torch.get_device_module(device)
        """torch.cuda or the like; None on a CPU, where copies are done when `take` returns."""
        sums = torch.zeros(2, dtype=torch.float64, device=device)
        self._host = {n: self._buffer(t) for n, t in _sources(trainer, sums).items()}
        self._copied: torch.Event | None = None

    def _buffer(self, tensor: Tensor) -> Tensor:
        """Return host memory for a tensor."""
        # Only a copy into pinned memory is asynchronous. For other memory, filling it now takes the
        # page faults of calloc's pages before training instead of in it.
        pinned = self._module is not None
        return torch.zeros(tensor.shape, dtype=tensor.dtype, pin_memory=pinned).fill_(0)

    @torch.no_grad()
    def take(self, trainer: "Trainer", sums: Tensor | None, statistics: dict[str, Tensor]) -> None:
        """Copy the state between two steps.

        `sums`: of the running epoch, if there is one. `statistics` replace those of batch norm in
        `values` and `average`, if the ranks have different ones.
        """
        for name, tensor in _sources(trainer, sums).items():
            self._host[name].copy_(tensor, non_blocking=True)
        for name, tensor in statistics.items():
            self._host[name][-len(tensor) :].copy_(tensor, non_blocking=True)
        if self._module:
            self._copied = self._module.Event()
            self._copied.record()

    def wait(self) -> None:
        """Wait, in any thread, until the copies are complete."""
        if self._copied:
            self._copied.synchronize()

    @property
    def sums(self) -> tuple[float, float]:
        """The loss and the correct answers of the running epoch."""
        loss, correct = self._host[_SUMS].tolist()
        return loss, correct

    @cached_property
    def model(self) -> dict[str, Tensor]:
        """The network by `model.NAME`, and its average, if there is one, by `ema.NAME`."""
        floats = self._named(MODEL, self._host[_VALUES])
        average = self._named(AVERAGE, self._host[_AVERAGE]) if self._averages else {}
        return {**floats, **self._apart, **average}

    @property
    def part(self) -> dict[str, Tensor]:
        """This rank's part of a divided network, with `slot.SLOT.NAME` for the optimiser."""
        tensors = dict(self.model)
        for slot, buffer in self.slots.items():
            tensors |= self._named(f"{SLOT}{slot}.", buffer)
        return tensors

    @property
    def _apart(self) -> dict[str, Tensor]:
        in_buffers = {_VALUES, _AVERAGE, _SUMS, *self._slots}
        return {name: tensor for name, tensor in self._host.items() if name not in in_buffers}

    def _named(self, prefix: str, buffer: Tensor) -> dict[str, Tensor]:
        """Return the tensors of a buffer that this rank writes, by name."""
        named = self._flat.named(buffer)
        return {prefix + name: named[name] for name in self._flat.written if name in named}

    @property
    def slots(self) -> dict[str, Tensor]:
        """The optimiser's state by name."""
        return {name: self._host[name] for name in self._slots}


def _sources(trainer: "Trainer", sums: Tensor | None) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint: long buffers, and the tensors outside of them."""
    tensors = {_VALUES: trainer.flat.values, **trainer.optimiser.slots}
    if trainer.average is not None:
        tensors[_AVERAGE] = trainer.average.values
    if sums is not None:
        tensors[_SUMS] = sums
    outside = tensors_apart(trainer) if trainer.flat.leads else {}
    return tensors | {MODEL + name: tensor for name, tensor in outside.items()}


def tensors_apart(trainer: "Trainer") -> dict[str, Tensor]:
    """Return the tensors that are in no flat buffer, by name; see `apart`."""
    return apart(trainer.module, trainer.flat.shapes)
