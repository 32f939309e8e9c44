"""Random changes to training images, drawn for a whole epoch and applied a batch at a time."""

from typing import Any

import torch
from torch import Tensor

from compound.jobs.data.augment.epoch_draws import Draws
from compound.jobs.data.augment.mixing import Batch, draw_shares, mix
from compound.jobs.data.augment.operations import apply_policy
from compound.jobs.data.augment.policies import NEWEST, draw_policy
from compound.jobs.data.augment.random_crop import crop, draw_boxes, shrink
from compound.jobs.seeds import Purpose, derive
from compound.schemas.recipe import Augment

_BOXES, _POLICY, _SHARES = 1, 2, 3
"""Random streams of their own: one more change does not alter the draws of the others."""


class Augmenter:
    """Crops, mirrors, operations of a policy and cutout, on uint8 pixels of a whole batch.

    Where images only shift, row and column of every output pixel come from small tables, so no
    padded copy is made.
    """

    def __init__(
        self, augment: Augment, mean: Tensor, resolution: int, revision: int = NEWEST
    ) -> None:
        """Keep tables for one resolution on the device of `mean`, float (C,) in 0 to 255.

        `revision`: of the policy's draws, the job's.
        """
        self._revision = revision
        self._augment, self._resolution, self._mean = augment, resolution, mean
        self._resized = augment.crop == "resized"
        self._pad = 0 if self._resized else min(round(augment.pad * resolution), resolution - 1)
        self._cut = round(augment.cutout * resolution)
        self._fill = mean.round().to(torch.uint8)[:, None, None]
        shifted = _shift_table(resolution, self._pad, mean.device)
        self._row_starts = shifted * resolution
        self._columns = torch.cat([shifted, shifted.flip(1)])

    def at(self, resolution: int) -> "Augmenter":
        """Return the augmenter of the same changes at another resolution; it shrinks the images."""
        if resolution == self._resolution:
            return self
        return Augmenter(self._augment, self._mean, resolution, self._revision)

    def draw(self, seed: int, epoch: int, count: int) -> Draws:
        """Draw for images 0 to count - 1 in one epoch; the same on every rank."""
        generator = _generator(seed, epoch)
        shifts = 2 * self._pad + 1
        highs = (shifts, shifts, self._resolution, self._resolution, 2)
        drawn = [torch.randint(high, (count,), generator=generator) for high in highs]
        rows, columns, cut_y, cut_x, mirrored = drawn
        columns = columns + mirrored * shifts * int(self._augment.flip)
        return Draws(rows, columns, cut_y, cut_x, **self._further(seed, epoch, count))

    def _further(self, seed: int, epoch: int, count: int) -> dict[str, Any]:
        augment, drawn = self._augment, dict[str, Any]()
        if self._resized:
            drawn["boxes"] = draw_boxes(augment, count, _generator(seed, epoch, _BOXES))
        if augment.policy != "none":
            generator = _generator(seed, epoch, _POLICY)
            policy = draw_policy(augment, count, generator, self._revision)
            drawn["codes"], drawn["amounts"] = policy
        if augment.mixup or augment.cutmix:
            own = derive(Purpose.AUGMENT, seed, epoch, _SHARES)
            drawn["share"], drawn["boxed"] = draw_shares(augment, count, own)
        return drawn

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """Return uint8 (B, C, R, R) changed as drawn, image by image.

        `images`: uint8 (B, C, S, S), like the draws on the device of the mean. Larger ones than R
        are shrunk first, unless crops are resized, which takes them to R.
        """
        moved = self._framed(images, draws)
        if draws.codes is not None and draws.amounts is not None:
            moved = apply_policy(
                moved, draws.codes, draws.amounts, _centres(draws), self._fill, draws.groups
            )
        return self._cut_out(moved, draws) if self._cut else moved

    def mixed(self, images: Tensor, labels: Tensor, draws: Draws) -> Batch:
        """Return a batch of normalised images, mixed with each other where that was drawn."""
        if draws.share is None or draws.boxed is None:
            return Batch(images, labels)
        return mix(images, labels, draws.share, draws.boxed, _centres(draws))

    def _framed(self, images: Tensor, draws: Draws) -> Tensor:
        if draws.boxes is not None:
            return crop(images, draws.boxes, draws.columns > 0, self._resolution)
        images = shrink(images, self._resolution)
        return self._moved(images, draws) if self._pad or self._augment.flip else images

    def _moved(self, images: Tensor, draws: Draws) -> Tensor:
        rows, columns = self._row_starts[draws.rows], self._columns[draws.columns]
        source = (rows[:, :, None] + columns[:, None, :]).flatten(1)
        flat = images.flatten(2)
        return flat.gather(2, source[:, None, :].expand_as(flat)).view_as(images)

    def _cut_out(self, images: Tensor, draws: Draws) -> Tensor:
        """Fill the squares; pixels beyond an edge are written at the edge again."""
        rows = self._inside(draws.cut_y) * self._resolution
        square = (rows[:, :, None] + self._inside(draws.cut_x)[:, None, :]).flatten(1)
        square = square[:, None, :].expand(-1, images.shape[1], -1)
        fill = self._fill[None, :, :, 0].expand_as(square)
        return images.flatten(2).scatter(2, square, fill).view_as(images)

    def _inside(self, centres: Tensor) -> Tensor:
        """Return the rows or columns of each square, int64 (B, side of the square)."""
        start = (centres - self._cut // 2)[:, None]
        covered = start + torch.arange(self._cut, device=centres.device)
        last = (start + self._cut).clamp(max=self._resolution) - 1
        return torch.minimum(covered.clamp(min=0), last)


def _centres(draws: Draws) -> Tensor:
    return torch.stack([draws.cut_y, draws.cut_x], 1)


def _shift_table(side: int, pad: int, device: torch.device) -> Tensor:
    """Return, for each of the 2 * pad + 1 shifts, where every pixel comes from: int64 (S, side)."""
    shifts = torch.arange(-pad, pad + 1, device=device)
    shifted = torch.arange(side, device=device)[None, :] + shifts[:, None]
    reflected = shifted.abs()
    return torch.where(reflected >= side, 2 * (side - 1) - reflected, reflected)


def _generator(seed: int, epoch: int, *part: int) -> torch.Generator:
    # A CPU generator: CUDA's gives other numbers for the same seed.
    return torch.Generator().manual_seed(derive(Purpose.AUGMENT, seed, epoch, *part))
