"""AutoAugment's operations on a whole batch, where each image has its own.

Images are uint8 (N, C, H, W). Values follow Pillow: results are cut off to integers, grey is its
weighted sum of red, green and blue. With any other number of channels grey is their mean.
"""

import torch
from torch import Tensor

from compound.jobs.data.augment.epoch_draws import Groups, grouped
from compound.jobs.data.augment.policies import KINDS, WARPING, Op
from compound.jobs.data.augment.warp import matrices, warp

_GREY = (19595, 38470, 7471)
"""Pillow's weights of red, green and blue, in 65,536ths."""
_MIDDLE = 128


def apply_policy(
    images: Tensor,
    codes: Tensor,
    amounts: Tensor,
    centres: Tensor,
    fill: Tensor,
    groups: Groups | None = None,
) -> Tensor:
    """Apply each image's operations, one layer after the other.

    `codes` (N, L) and `amounts` (N, L); `centres`: where a cutout lies, in pixels (N, 2); `fill`:
    the colour uint8 (C, 1, 1) of what is cut out or comes from outside; all on the images' device.
    `groups` of the codes: without it the host waits for a GPU to send them.
    """
    # A copy: rows are written in place, and the caller's batch must not change.
    images, groups = images.clone(), groups or grouped(codes)
    for layer in range(codes.shape[1]):
        for kind, rows in groups.of(layer):
            ops, amount = codes[:, layer][rows], amounts[:, layer][rows]
            images[rows] = _changed(KINDS[kind][0], images[rows], ops, amount, centres[rows], fill)
    return images


def _changed(
    first: Op, part: Tensor, ops: Tensor, amount: Tensor, centres: Tensor, fill: Tensor
) -> Tensor:
    """Change images by operations of one kind, named by its first operation."""
    if first == Op.COLOR:
        return _blend(_grey(part), part, amount)
    if first == Op.SHARPNESS:
        return _blend(_smooth(part), part, amount)
    if first == WARPING[0]:
        return warp(part, matrices(ops, amount, part.shape[-1]), fill)
    if first == Op.CUTOUT:
        return _cut(part, amount, centres, fill)
    return _looked_up(part, _tables(part, ops, amount))


def _looked_up(images: Tensor, tables: Tensor) -> Tensor:
    """Replace each value by its entry in a table, uint8 (N, C, 256)."""
    return tables.gather(2, images.flatten(2).long()).view_as(images)


def _tables(images: Tensor, ops: Tensor, amount: Tensor) -> Tensor:
    values = torch.arange(256, device=images.device)
    whole = amount.long()[:, None, None]
    shift = 8 - whole.clamp(0, 8)
    counts = _histogram(images)
    choices = (
        (Op.AUTOCONTRAST, _stretched(counts)),
        (Op.EQUALIZE, _equalised(counts)),
        (Op.INVERT, 255 - values),
        (Op.POSTERIZE, values >> shift << shift),
        (Op.SOLARIZE, torch.where(values < whole, values, 255 - values)),
        (Op.SOLARIZE_ADD, torch.where(values < _MIDDLE, (values + whole).clamp(max=255), values)),
        (Op.BRIGHTNESS, _mixed(torch.zeros_like(values), values, amount[:, None, None])),
        (Op.CONTRAST, _mixed(_mean_grey(images), values, amount[:, None, None])),
    )
    tables = values.expand(*images.shape[:2], 256)
    for op, table in choices:
        tables = torch.where((ops == op)[:, None, None], table, tables)
    return tables.to(torch.uint8)


def _histogram(images: Tensor) -> Tensor:
    """Count each channel's values, int64 (N, C, 256)."""
    values = images.flatten(2).long()
    counts = torch.zeros(*images.shape[:2], 256, dtype=torch.int64, device=images.device)
    return counts.scatter_add_(2, values, torch.ones_like(values))


def _stretched(counts: Tensor) -> Tensor:
    """Map the darkest value that occurs to 0 and the brightest to 255; a single value stays."""
    values = torch.arange(256, device=counts.device)
    seen = counts > 0
    low = torch.where(seen, values, 255).amin(2, keepdim=True)
    high = torch.where(seen, values, 0).amax(2, keepdim=True)
    scale = torch.full_like(low, 255).double() / (high - low).clamp(min=1)
    stretched = (values * scale - low * scale).clamp(0, 255).long()
    return torch.where(high > low, stretched, values)


def _equalised(counts: Tensor) -> Tensor:
    """Map values so that equal ranges have about the same number of pixels."""
    values = torch.arange(256, device=counts.device)
    brightest = torch.where(counts > 0, values, 0).amax(2, keepdim=True)
    step = (counts.sum(2, keepdim=True) - counts.gather(2, brightest)) // 255
    below = counts.cumsum(2) - counts
    equalised = ((step // 2 + below) // step.clamp(min=1)).clamp(max=255)
    return torch.where(step > 0, equalised, values)


def _mean_grey(images: Tensor) -> Tensor:
    """Return the mean grey level of each image, rounded: int64 (N, 1, 1)."""
    mean = _grey(images).flatten(1).double().mean(1)
    return (mean + 0.5).long()[:, None, None]


def _grey(images: Tensor) -> Tensor:
    """Return int32 (N, 1, H, W)."""
    wide = images.to(torch.int32)
    if images.shape[1] != len(_GREY):
        return wide.sum(1, keepdim=True, dtype=torch.int32) // images.shape[1]
    red, green, blue = (wide[:, i : i + 1] * weight for i, weight in enumerate(_GREY))
    return (red + green + blue + 2**15) >> 16


def _smooth(images: Tensor) -> Tensor:
    """Return int32 (N, C, H, W): 3 x 3 means in which the centre counts five times; edges stay."""
    wide = images.to(torch.int32)
    if min(images.shape[2:]) < 3:
        return wide
    rows = wide[:, :, :-2] + wide[:, :, 1:-1] + wide[:, :, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * wide[:, :, 1:-1, 1:-1]
    smooth = wide.clone()
    smooth[:, :, 1:-1, 1:-1] = (total + 6) // 13
    return smooth


def _blend(degenerate: Tensor, images: Tensor, amount: Tensor) -> Tensor:
    """Extrapolate from a degenerate image (amount 0) through the image (1) and beyond."""
    blended = _mixed(degenerate, images.to(torch.int32), amount[:, None, None, None])
    return blended.to(torch.uint8)


def _mixed(start: Tensor, end: Tensor, amount: Tensor) -> Tensor:
    """Return integers from 0 to 255; fractions are cut off, not rounded."""
    return (start + amount * (end - start)).clamp(0, 255).to(torch.int64)


def _cut(images: Tensor, half: Tensor, centres: Tensor, fill: Tensor) -> Tensor:
    side = images.shape[-1]
    pixels = torch.arange(side, device=images.device)
    reach = (half * side).long()[:, None]
    rows, columns = (_near(pixels, centres[:, axis, None], reach) for axis in (0, 1))
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], fill, images)


def _near(pixels: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    return (pixels >= centres - reach) & (pixels < centres + reach)
