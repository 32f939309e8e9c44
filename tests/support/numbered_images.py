"""Random images whose labels are their numbers."""

import torch

from compound.jobs.data.images import Images, statistics

CPU = torch.device("cpu")


def numbered(train: int = 48, held_out: int = 17, side: int = 6) -> Images:
    """Return random images whose labels are their numbers."""
    generator = torch.Generator().manual_seed(1)
    shape = (train + held_out, 2, side, side)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.arange(train + held_out)
    mean, deviation = statistics(pixels[:train])
    return Images(pixels[:train], labels[:train], pixels[train:], labels[train:], mean, deviation)
