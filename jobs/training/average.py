"""The exponential moving average of a network, which is what gets evaluated."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from jobs.training.flat import Flat


class Average:
    """Averages weights and batch norm's statistics alike, slower as training goes on."""

    def __init__(self, flat: Flat, decay: float) -> None:
        self._flat, self._decay = flat, decay
        self.values = flat.values.clone()

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the network after `step` optimiser steps; the first ones count for more."""
        decay = min(self._decay, (1 + step) / (10 + step))
        self.values.lerp_(self._flat.values, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the averaged values for a while."""
        own = self._flat.values.clone()
        self._flat.values.copy_(self.values)
        try:
            yield
        finally:
            self._flat.values.copy_(own)
