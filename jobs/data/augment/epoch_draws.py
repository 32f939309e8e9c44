"""What was drawn for the training images of an epoch, and how it gets to the training device."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from compound.jobs.data.augment.policies import KINDS
from compound.jobs.gpu.device_transfer import sent


class Groups(NamedTuple):
    """Which images of a batch a policy changes alike, layer by layer."""

    rows: Tensor
    """Places in the batch, those of a kind side by side and ascending: int64 (L, B)."""
    ends: tuple[tuple[int, ...], ...]
    """Where each kind of KINDS ends in each layer of `rows`, images that stay as they are first."""

    def of(self, layer: int) -> Iterator[tuple[int, Tensor]]:
        """Yield the kinds that a layer has, by their place in KINDS, with the images of each."""
        ends = self.ends[layer]
        for kind, (start, end) in enumerate(pairwise(ends)):
            if end > start:
                yield kind, self.rows[layer, start:end]


def grouped(codes: Tensor) -> Groups:
    """Group images by the kind of their operations, (B, L). Codes on a GPU hold the host up."""
    firsts = torch.tensor([first for first, _ in KINDS], dtype=codes.dtype)
    kinds = torch.bucketize(codes.cpu().T.contiguous(), firsts, right=True)
    counts = [kind.bincount(minlength=len(KINDS) + 1) for kind in kinds]
    ends = tuple(tuple(count.cumsum(0).tolist()) for count in counts)
    return Groups(kinds.argsort(dim=1, stable=True).to(codes.device), ends)


@dataclass(frozen=True)
class Draws:
    """What was drawn for each of some images; the first four int64 (N,)."""

    rows: Tensor
    """Which vertical shift."""
    columns: Tensor
    """Which horizontal shift; the second half of the choices are mirrored."""
    cut_y: Tensor
    cut_x: Tensor
    """The centre of the square that is cut out or pasted, in pixels."""
    boxes: Tensor | None = None
    """The rectangle that is taken: top, left, height, width in fractions, float32 (N, 4)."""
    codes: Tensor | None = None
    """The operations of a policy, uint8 (N, L)."""
    amounts: Tensor | None = None
    """Their strengths, float32 (N, L)."""
    share: Tensor | None = None
    """How much of an image stays its own, float32 (N,)."""
    boxed: Tensor | None = None
    """Whether a rectangle is pasted rather than all of it blended, bool (N,)."""
    groups: Groups | None = None
    """The images by their codes, where that is known already."""

    def of(self, indices: Tensor) -> "Draws":
        """Return the draws of the images at `indices`, int64, on the same device."""
        return self._each(lambda drawn: drawn[indices])

    def at(self, device: torch.device) -> "Draws":
        """Return the same on a device."""
        return self._each(lambda drawn: sent(drawn, device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Draws":
        drawn = ((field.name, getattr(self, field.name)) for field in fields(self))
        changed = {name: change(d) for name, d in drawn if isinstance(d, Tensor)}
        return replace(self, groups=None, **changed)


class EpochDraws:
    """The draws of an epoch on the training device, where they are sent at once.

    A batch sends no more than its indices, and which of its images a policy changes alike: that
    decides which operations there are, so the host has to know it.
    """

    def __init__(self, draws: Draws, device: torch.device) -> None:
        """Take the draws of all images, on the CPU."""
        self._draws, self._codes, self._device = draws.at(device), draws.codes, device

    def of(self, indices: Tensor) -> tuple[Tensor, Draws]:
        """Return indices of a batch on the device, with its draws. `indices`: int64 (B,), CPU."""
        if self._codes is None:
            moved = sent(indices, self._device)
            return moved, self._draws.of(moved)
        groups = grouped(self._codes[indices])
        packed = sent(torch.cat([indices[None], groups.rows]), self._device)
        draws = self._draws.of(packed[0])
        return packed[0], replace(draws, groups=groups._replace(rows=packed[1:]))
