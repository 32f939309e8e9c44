"""A worker's part of a GPU: how many bytes are its own, and the line that keeps it to them.

Ray hands out fractions as numbers in a ledger; neither it nor CUDA keeps a process to its part.
"""

import torch

from compound.jobs.device_model import own_bytes


def keep_to_share(device: torch.device, gpus: float) -> None:
    """Let this process's tensors take no more of a GPU than its fraction, less its context.

    A worker beyond it is out of memory itself, where it would else be its neighbour.
    """
    if device.type != "cuda" or not 0 < gpus < 1:
        return
    total = torch.cuda.get_device_properties(device).total_memory
    # The fraction bounds torch's allocator only: context and libraries come on top of it.
    torch.cuda.set_per_process_memory_fraction(own_bytes(total, gpus) / total, device)
