"""The exponential moving average of a network, which is what gets evaluated."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from compound.jobs.parallel.flat_parameters import Flat


class Average:
    """Averages weights and batch norm's statistics alike, slower as training goes on."""

    def __init__(self, flat: Flat, decay: float) -> None:
        self._flat, self._decay = flat, decay
        self.values = flat.values.clone()

    def weight(self, step: int) -> float:
        """Return what the network counts for after `step` optimiser steps; the first ones more."""
        return 1 - min(self._decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def take_statistics(self, weight: float) -> None:
        """Take in batch norm's statistics; the parameters are taken in where they change."""
        count = len(self._flat.gradients)
        self.values[count:].lerp_(self._flat.statistics, weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the averaged values for a while."""
        own = self._flat.values.clone()
        self._give(self.values)
        try:
            yield
        finally:
            self._give(own)

    def _give(self, values: Tensor) -> None:
        self._flat.values.copy_(values)
        self._flat.publish()
