"""The limit on a worker's memory where several workers share a GPU.

A fraction of a GPU is a number that Ray counts; neither Ray nor CUDA limits a process to it.
"""

import torch

from compound.jobs.device_model import own_bytes


def keep_to_share(device: torch.device, gpus: float) -> None:
    """Limit this process's tensors to its fraction of a GPU, less its context.

    A worker that exceeds its fraction is out of memory itself, instead of its neighbour.
    """
    if device.type != "cuda" or not 0 < gpus < 1:
        return
    total = torch.cuda.get_device_properties(device).total_memory
    # The fraction bounds torch's allocator only: context and libraries come on top of it.
    torch.cuda.set_per_process_memory_fraction(own_bytes(total, gpus) / total, device)
