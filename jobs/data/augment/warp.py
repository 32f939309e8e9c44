"""Rotations, shears and shifts of a whole batch in one gather: nearest pixel, as in Pillow."""

import torch
from torch import Tensor

from compound.jobs.data.augment.policies import Op


def matrices(ops: Tensor, amount: Tensor, side: int) -> Tensor:
    """Return, float32 (N, 6), where a pixel (x, y) of the new image comes from in the old one.

    x' = a x + b y + c and y' = d x + e y + f, in pixels. `amount`: degrees against the clock about
    the centre, the ratio of a shear from the upper left corner, or a fraction of the side.
    """
    angle = torch.deg2rad(torch.where(ops == Op.ROTATE, -amount, 0.0))
    cosine, sine, centre = angle.cos(), angle.sin(), side / 2
    nothing = torch.zeros_like(amount)
    shear_x = torch.where(ops == Op.SHEAR_X, amount, nothing)
    shear_y = torch.where(ops == Op.SHEAR_Y, amount, nothing)
    shift_x = torch.where(ops == Op.TRANSLATE_X, amount * side, nothing)
    shift_y = torch.where(ops == Op.TRANSLATE_Y, amount * side, nothing)
    return torch.stack(
        (
            cosine,
            sine + shear_x,
            centre - cosine * centre - sine * centre + shift_x,
            shear_y - sine,
            cosine,
            centre + sine * centre - cosine * centre + shift_y,
        ),
        1,
    )


def warp(images: Tensor, matrix: Tensor, fill: Tensor) -> Tensor:
    """Move the pixels of uint8 (N, C, S, S) by (N, 6); from outside comes `fill` (C, 1, 1)."""
    side = images.shape[-1]
    along = torch.arange(side, device=images.device) + 0.5
    a, b, c, d, e, f = (column[:, None, None] for column in matrix.unbind(1))
    x = (a * along[None, None, :] + b * along[None, :, None] + c).floor().long()
    y = (d * along[None, None, :] + e * along[None, :, None] + f).floor().long()
    inside = ((x >= 0) & (x < side) & (y >= 0) & (y < side))[:, None]
    source = (y.clamp(0, side - 1) * side + x.clamp(0, side - 1)).flatten(1)
    flat = images.flatten(2)
    moved = flat.gather(2, source[:, None, :].expand_as(flat)).view_as(images)
    return torch.where(inside, moved, fill)
