"""Copies of a trainer's state in the host's memory, which a checkpoint is written from.

Training waits for one copy of the flat buffers and for nothing else. On a GPU it does not even
wait for that: the copies are queued on its stream, into pinned memory, between one step and the
next, and an event tells the thread that reads them when they are there.
"""

from functools import cached_property

import torch
from torch import Tensor

from compound.jobs.models.weight_file import AVERAGE, MODEL
from compound.jobs.store.format.checkpoint import SLOT
from compound.jobs.training.loop.trainer import Trainer

_VALUES, _AVERAGE, _SUMS = "values", "average", "sums"


class Snapshot:
    """Buffers as large as a trainer's state, filled again and again."""

    def __init__(self, trainer: Trainer) -> None:
        self._flat = trainer.flat
        self._slots = tuple(trainer.optimiser.slots)
        self._averages = trainer.average is not None
        device = trainer.flat.values.device
        self._module = None if device.type == "cpu" else torch.get_device_module(device)
        """torch's for a GPU, whose copies go on while the host does."""
        sums = torch.zeros(2, dtype=torch.float64, device=device)
        self._host = {n: self._buffer(t) for n, t in _sources(trainer, sums).items()}
        self._copied: torch.Event | None = None

    def _buffer(self, tensor: Tensor) -> Tensor:
        """Return host memory for a tensor. Filling it now keeps page faults out of training."""
        pinned = self._module is not None
        return torch.zeros(tensor.shape, dtype=tensor.dtype, pin_memory=pinned).fill_(0)

    @torch.no_grad()
    def take(self, trainer: Trainer, sums: Tensor | None, statistics: dict[str, Tensor]) -> None:
        """Copy the state as it is between two steps.

        `sums`: of the epoch under way, if there is one. `statistics` replace batch norm's own in
        `values` and `average`, where the ranks have different ones.
        """
        for name, tensor in _sources(trainer, sums).items():
            self._host[name].copy_(tensor, non_blocking=True)
        for name, tensor in statistics.items():
            self._host[name][-len(tensor) :].copy_(tensor, non_blocking=True)
        if self._module:
            self._copied = self._module.Event()
            self._copied.record()

    def wait(self) -> None:
        """Wait, in any thread, until all has arrived."""
        if self._copied:
            self._copied.synchronize()

    @property
    def sums(self) -> tuple[float, float]:
        """The loss and the right answers of the epoch under way."""
        loss, correct = self._host[_SUMS].tolist()
        return loss, correct

    @cached_property
    def model(self) -> dict[str, Tensor]:
        """The network by `model.NAME`, and the averaged one by `ema.NAME` where it is kept."""
        floats = self._named(MODEL, self._host[_VALUES])
        average = self._named(AVERAGE, self._host[_AVERAGE]) if self._averages else {}
        return {**floats, **self._counters, **average}

    @property
    def part(self) -> dict[str, Tensor]:
        """What this rank writes where ranks divide the network, with `slot.SLOT.NAME` too."""
        tensors = dict(self.model)
        for slot, buffer in self.slots.items():
            tensors |= self._named(f"{SLOT}{slot}.", buffer)
        return tensors

    @property
    def _counters(self) -> dict[str, Tensor]:
        in_buffers = {_VALUES, _AVERAGE, _SUMS, *self._slots}
        return {name: tensor for name, tensor in self._host.items() if name not in in_buffers}

    def _named(self, prefix: str, buffer: Tensor) -> dict[str, Tensor]:
        """Name the tensors of a buffer that are this rank's to write."""
        named = self._flat.named(buffer)
        return {prefix + name: named[name] for name in self._flat.written if name in named}

    @property
    def slots(self) -> dict[str, Tensor]:
        """The optimiser's state by name."""
        return {name: self._host[name] for name in self._slots}


def _sources(trainer: Trainer, sums: Tensor | None) -> dict[str, Tensor]:
    """Return what a checkpoint needs: long buffers, and the few counters that are in none."""
    tensors = {_VALUES: trainer.flat.values, **trainer.optimiser.slots}
    if trainer.average is not None:
        tensors[_AVERAGE] = trainer.average.values
    if sums is not None:
        tensors[_SUMS] = sums
    counters = counters_of(trainer) if trainer.flat.leads else {}
    return tensors | {MODEL + name: tensor for name, tensor in counters.items()}


def counters_of(trainer: Trainer) -> dict[str, Tensor]:
    """Return the network's tensors that are in no buffer, by name: what norms count."""
    shapes = trainer.flat.shapes
    return {name: t for name, t in trainer.module.named_buffers() if name not in shapes}
