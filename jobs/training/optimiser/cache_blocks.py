"""Cuts the flat buffers of a network into runs that a processor's cache holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from compound.jobs.parallel.flat_parameters import Flat

CHUNK = 2**17
"""Elements of a run on a CPU: six buffers of it take 3 MiB, and a step of B0 is 31 runs."""


@dataclass(frozen=True)
class CacheBlock:
    """A run of parameters with all that belongs to it: views of the flat buffers."""

    parameters: Tensor
    gradients: Tensor
    """What the optimiser takes for gradients, with weight decay where that goes through them."""
    raw: Tensor
    """The gradients as backward left them; the same memory where no other is needed."""
    slots: dict[str, Tensor]
    scratch: Tensor | None
    """Room for values that nobody needs afterwards; None: made as it is needed."""
    average: Tensor | None
    decayed: bool


def cache_blocks(
    flat: Flat,
    slots: Mapping[str, Tensor],
    average: Tensor | None,
    length: int | None,
    coupled: bool,
) -> Iterator[CacheBlock]:
    """Yield runs of at most `length` parameters, those with weight decay first; None: no limit.

    `coupled`: weight decay changes gradients; short runs get room for them in the cache, so that
    they need not be written back.
    """
    count, device = len(flat.gradients), flat.values.device
    scratch = None if length is None else torch.empty(min(length, count), device=device)
    room = torch.empty_like(scratch) if scratch is not None and coupled else None
    for first, end, decayed in ((0, flat.decayed, True), (flat.decayed, count, False)):
        for start in range(first, end, length or count):
            part = slice(start, min(start + (length or count), end))
            size = part.stop - part.start
            raw = flat.gradients[part]
            yield CacheBlock(
                parameters=flat.values[part],
                gradients=raw if room is None or not decayed else room[:size],
                raw=raw,
                slots={name: slot[part] for name, slot in slots.items()},
                scratch=None if scratch is None else scratch[:size],
                average=None if average is None else average[part],
                decayed=decayed,
            )
