"""The way from the host's memory to the training device, on which the host does not wait."""

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a CPU tensor on a device; a GPU copies it while the host goes on.

    CUDA does not return from a copy before it has read memory that is not page-locked, so that is
    copied into memory that is, which torch keeps for later and does not reuse too early.
    """
    if device.type == "cpu":
        return tensor
    # CUDA copies rows that lie apart through memory of its own, which it waits for.
    return tensor.contiguous().pin_memory().to(device, non_blocking=True)


def picked(tensor: Tensor, indices: Tensor, device: torch.device) -> Tensor:
    """Return rows of a CPU tensor on a device, put together where the device can fetch them.

    `indices`: int64 (N,), on the CPU.
    """
    if device.type == "cpu":
        return tensor.index_select(0, indices)
    shape = (len(indices), *tensor.shape[1:])
    rows = torch.empty(shape, dtype=tensor.dtype, pin_memory=True)
    return torch.index_select(tensor, 0, indices, out=rows).to(device, non_blocking=True)
