"""The exponential moving average of a network, which is evaluated in place of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from compound.jobs.parallel.flat_parameters import Flat


class Average:
    """Averages weights and batch norm's statistics, more slowly as training goes on."""

    def __init__(self, flat: Flat, decay: float) -> None:
        self._flat, self._decay = flat, decay
        self.values = flat.values.clone()
        # A mask may hold infinities, of which the difference is no number.
        self._finite = bool(flat.statistics.isfinite().all())

    def weight(self, step: int) -> float:
        """Return the network's weight after `step` optimiser steps: larger for the first ones."""
        return 1 - min(self._decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def take_statistics(self, weight: float) -> None:
        """Average batch norm's statistics; the update of the parameters averages those."""
        averages, newest = self.values[len(self._flat.gradients) :], self._flat.statistics
        if self._finite:
            averages.lerp_(newest, weight)
        else:
            averages.copy_(averages.lerp(newest, weight).where(newest.isfinite(), newest))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averaged values into the network inside the `with`."""
        own = self._flat.values.clone()
        self._set_values(self.values)
        try:
            yield
        finally:
            self._set_values(own)

    def _set_values(self, values: Tensor) -> None:
        self._flat.values.copy_(values)
        self._flat.update_module()
