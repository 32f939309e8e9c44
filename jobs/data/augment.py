"""Random changes to training images, drawn for a whole epoch and applied a batch at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from jobs.seeds import Purpose, derive
from schemas.recipe import Augment


@dataclass(frozen=True)
class Draws:
    """What was drawn for each of some images, int64 (N,) each."""

    rows: Tensor
    """Which vertical shift."""
    columns: Tensor
    """Which horizontal shift; the second half of the choices are mirrored."""
    cut_y: Tensor
    cut_x: Tensor
    """The centre of the square that is cut out, in pixels."""

    def of(self, indices: Tensor) -> "Draws":
        """Return the draws of the images at `indices`."""
        return Draws(
            self.rows[indices], self.columns[indices], self.cut_y[indices], self.cut_x[indices]
        )


class Augmenter:
    """Shifts with reflection, mirrors and cuts out, on uint8 pixels of a whole batch.

    Row and column of every output pixel come from small tables, so no padded copy is made.
    """

    def __init__(self, augment: Augment, mean: Tensor, resolution: int) -> None:
        """Keep tables for one resolution on the device of `mean`, float (C,) in 0 to 255."""
        self._resolution, self._flip, self._device = resolution, augment.flip, mean.device
        self._pad = min(round(augment.pad * resolution), resolution - 1)
        self._cut = round(augment.cutout * resolution)
        self._fill = mean.round().to(torch.uint8)[:, None, None]
        shifted = _shift_table(resolution, self._pad).to(mean.device)
        self._row_starts = shifted * resolution
        self._columns = torch.cat([shifted, shifted.flip(1)])
        self._pixels = torch.arange(resolution, device=mean.device)

    def draw(self, seed: int, epoch: int, count: int) -> Draws:
        """Draw for images 0 to count - 1 in one epoch, whatever rank will train on them."""
        generator = torch.Generator().manual_seed(derive(Purpose.AUGMENT, seed, epoch))
        shifts = 2 * self._pad + 1
        highs = (shifts, shifts, self._resolution, self._resolution, 2)
        drawn = [torch.randint(high, (count,), generator=generator) for high in highs]
        rows, columns, cut_y, cut_x, mirrored = (choice.to(self._device) for choice in drawn)
        return Draws(rows, columns + mirrored * shifts * int(self._flip), cut_y, cut_x)

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """Return uint8 (B, C, R, R) changed as drawn, image by image."""
        moved = self._moved(images, draws) if self._pad or self._flip else images
        return self._cut_out(moved, draws) if self._cut else moved

    def _moved(self, images: Tensor, draws: Draws) -> Tensor:
        rows, columns = self._row_starts[draws.rows], self._columns[draws.columns]
        source = (rows[:, :, None] + columns[:, None, :]).flatten(1)
        flat = images.flatten(2)
        return flat.gather(2, source[:, None, :].expand_as(flat)).view_as(images)

    def _cut_out(self, images: Tensor, draws: Draws) -> Tensor:
        rows = self._inside(draws.cut_y)[:, None, :, None]
        columns = self._inside(draws.cut_x)[:, None, None, :]
        return torch.where(rows & columns, self._fill, images)

    def _inside(self, centres: Tensor) -> Tensor:
        start = (centres - self._cut // 2)[:, None]
        return (self._pixels >= start) & (self._pixels < start + self._cut)


def _shift_table(side: int, pad: int) -> Tensor:
    """Return, for each of the 2 * pad + 1 shifts, where every pixel comes from: int64 (S, side)."""
    places = torch.arange(side)[None, :] + torch.arange(-pad, pad + 1)[:, None]
    reflected = places.abs()
    return torch.where(reflected >= side, 2 * (side - 1) - reflected, reflected)
