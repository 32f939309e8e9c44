"""The random draws for the training images of an epoch, on the training device."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from compound.jobs.data.augment.policies import KINDS
from compound.jobs.gpu.device_transfer import sent


class Groups(NamedTuple):
    """The images of a batch that a policy changes by the same kind of operation, by layer."""

    rows: Tensor
    """Positions in the batch, ordered by kind and ascending within it: int64 (L, B)."""
    ends: tuple[tuple[int, ...], ...]
    """The end of each kind of KINDS in each layer of `rows`; unchanged images come first."""

    def of(self, layer: int) -> Iterator[tuple[int, Tensor]]:
        """Yield the kinds of a layer, by their index in KINDS, with the images of each."""
        ends = self.ends[layer]
        for kind, (start, end) in enumerate(pairwise(ends)):
            if end > start:
                yield kind, self.rows[layer, start:end]


def grouped(codes: Tensor) -> Groups:
    """Group images by the kind of their operations, (B, L). The host waits for codes on a GPU."""
    firsts = torch.tensor([first for first, _ in KINDS], dtype=codes.dtype)
    # On the CPU: `ends` has to become Python integers, which would synchronise with a GPU.
    kinds = torch.bucketize(codes.cpu().T.contiguous(), firsts, right=True)
    counts = [kind.bincount(minlength=len(KINDS) + 1) for kind in kinds]
    ends = tuple(tuple(count.cumsum(0).tolist()) for count in counts)
    return Groups(kinds.argsort(dim=1, stable=True).to(codes.device), ends)


@dataclass(frozen=True)
class Draws:
    """The draws of some images; the first four are int64 (N,)."""

    rows: Tensor
    """The vertical shift, by its number."""
    columns: Tensor
    """The horizontal shift, by its number; the second half of the numbers mirror as well."""
    cut_y: Tensor
    cut_x: Tensor
    """The centre of the square that is cut out or pasted, in pixels."""
    boxes: Tensor | None = None
    """The rectangle that is cropped: top, left, height, width in fractions, float32 (N, 4)."""
    codes: Tensor | None = None
    """The operations of a policy, uint8 (N, L)."""
    amounts: Tensor | None = None
    """Their strengths, float32 (N, L)."""
    share: Tensor | None = None
    """How much of an image stays its own, float32 (N,)."""
    boxed: Tensor | None = None
    """Whether a rectangle is pasted (cutmix) instead of blending all (mixup), bool (N,)."""
    groups: Groups | None = None
    """The images by their codes, where they are grouped already."""

    def of(self, indices: Tensor) -> "Draws":
        """Return the draws of the images at `indices`, int64, on the same device."""
        return self._map(lambda drawn: drawn[indices])

    def at(self, device: torch.device) -> "Draws":
        """Return the same on a device."""
        return self._map(lambda drawn: sent(drawn, device))

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Draws":
        drawn = ((field.name, getattr(self, field.name)) for field in fields(self))
        changed = {name: change(d) for name, d in drawn if isinstance(d, Tensor)}
        return replace(self, groups=None, **changed)


class EpochDraws:
    """The draws of an epoch, sent to the training device once.

    A batch then sends only its indices, and its images grouped by the kind of their operations:
    the host launches the operations by these groups, so it needs them without asking the device.
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
