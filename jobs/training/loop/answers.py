"""What a network answers to every held-out image, gathered from all ranks."""

import torch
from torch import Tensor

from compound.jobs.parallel.collective import summed
from compound.jobs.parallel.process import Process
from compound.jobs.store.format.predictions import Predictions


class Answers:
    """The answers of one evaluation on this rank; they stay on its device until the end."""

    def __init__(self) -> None:
        self._positions: list[Tensor] = []
        self._pairs: list[Tensor] = []

    def add(self, positions: Tensor | None, labels: Tensor, predicted: Tensor) -> None:
        """Add a batch, int64 (B,) each; blank batches have no positions."""
        if positions is not None:
            self._positions.append(positions)
            self._pairs.append(torch.stack([labels, predicted], dim=1))

    @torch.inference_mode()
    def gathered(self, images: int, process: Process) -> Predictions:
        """Return the answers to a part of so many images, without those that no rank could decode.

        All ranks call it at the same time, and all get the same.
        """
        # Zeros where another rank has the image, so that a sum over the ranks gathers them.
        table = torch.zeros(images, 2, dtype=torch.int64, device=process.device)
        if self._positions:
            table[torch.cat(self._positions)] = torch.cat(self._pairs) + 1
        table = summed(table, process).cpu() - 1
        positions = (table[:, 0] >= 0).nonzero()[:, 0]
        columns = (positions, *table[positions].unbind(1))
        return Predictions(*(column.to(torch.int32).numpy() for column in columns))
