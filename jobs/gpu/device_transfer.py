"""Copies from the host's memory to the training device, for which the host does not wait."""

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a CPU tensor on a device; a GPU copies it while the host goes on.

    A copy from pageable memory blocks the host until CUDA has read it. So the tensor first goes to
    page-locked memory, which torch's allocator keeps and reuses only after the transfer.
    """
    if device.type == "cpu":
        return tensor
    # A tensor with gaps between its rows is copied by a temporary of CUDA, which blocks the host.
    return tensor.contiguous().pin_memory().to(device, non_blocking=True)


def picked(tensor: Tensor, indices: Tensor, device: torch.device) -> Tensor:
    """Return rows of a CPU tensor on a device, gathered in page-locked memory.

    `indices`: int64 (N,), on the CPU.
    """
    if device.type == "cpu":
        return tensor.index_select(0, indices)
    shape = (len(indices), *tensor.shape[1:])
    rows = torch.empty(shape, dtype=tensor.dtype, pin_memory=True)
    return torch.index_select(tensor, 0, indices, out=rows).to(device, non_blocking=True)
