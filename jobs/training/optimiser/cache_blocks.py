"""Cuts the flat buffers of a network into blocks that fit into a processor's cache."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from compound.jobs.parallel.flat_parameters import Flat

CHUNK = 2**17
"""Elements of a block on a CPU: its six buffers take 3 MiB, and a step of B0 is 31 blocks."""


@dataclass(frozen=True)
class CacheBlock:
    """A block of parameters with their gradients and state: views of the flat buffers."""

    parameters: Tensor
    gradients: Tensor
    """Gradients for the optimiser, with weight decay if that is added to them."""
    raw: Tensor
    """The gradients as backward left them; the same memory if weight decay is not added."""
    slots: dict[str, Tensor]
    scratch: Tensor | None
    """Memory for intermediate values; None: allocated when needed."""
    average: Tensor | None
    decayed: bool


def cache_blocks(
    flat: Flat,
    slots: Mapping[str, Tensor],
    average: Tensor | None,
    length: int | None,
    coupled: bool,
) -> Iterator[CacheBlock]:
    """Yield blocks of at most `length` parameters, those with weight decay first; None: no limit.

    `coupled`: weight decay changes gradients. Short blocks get a buffer for them that stays in the
    cache, so that they are not written back to memory.
    """
    count, device = len(flat.gradients), flat.values.device
    scratch = None if length is None else torch.empty(min(length, count), device=device)
    decayed_gradients = torch.empty_like(scratch) if scratch is not None and coupled else None
    for first, end, decayed in ((0, flat.decayed, True), (flat.decayed, count, False)):
        for start in range(first, end, length or count):
            part = slice(start, min(start + (length or count), end))
            size = part.stop - part.start
            raw = flat.gradients[part]
            yield CacheBlock(
                parameters=flat.values[part],
                gradients=raw
                if decayed_gradients is None or not decayed
                else decayed_gradients[:size],
                raw=raw,
                slots={name: slot[part] for name, slot in slots.items()},
                scratch=None if scratch is None else scratch[:size],
                average=None if average is None else average[part],
                decayed=decayed,
            )
