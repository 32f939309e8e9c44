"""What a network answers to every held-out image, gathered from all ranks."""

import torch
from torch import Tensor

from compound.jobs.parallel.collective import summed
from compound.jobs.parallel.process import Process


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
    def gathered(self, images: int, process: Process) -> Tensor:
        """Return position, label and predicted class of each image, int64 (N, 3) on the CPU.

        In the order of the part, which has `images`; those that no rank could decode are left out.
        All ranks call it at the same time, and all get the same.
        """
        # Zeros where another rank has the image, so that a sum over the ranks gathers them.
        table = torch.zeros(images, 2, dtype=torch.int64, device=process.device)
        if self._positions:
            table[torch.cat(self._positions)] = torch.cat(self._pairs) + 1
        table = summed(table, process).cpu() - 1
        positions = (table[:, 0] >= 0).nonzero()
        return torch.cat([positions, table[positions[:, 0]]], dim=1)
