"""Random rectangles of images, brought to full size by antialiased bicubic, batch by batch."""

import math

import torch
from torch import Generator, Tensor

from compound.jobs.runtime.torch_settings import full_float32
from compound.schemas.recipe import Augment

_ATTEMPTS = 10
_SHARPNESS = -0.5
"""The cubic's free parameter, as in Pillow."""
_UNITS = 2.0**14
"""Weights are whole multiples of 1 / 2 ** 14: with pixels of 8 bits every product and every sum is
exact in float32, so the order of additions in a library or on a device does not change a result.
TF32 would round the weights, so products are float32 here even where a job allows TF32."""


def draw_boxes(augment: Augment, count: int, generator: Generator) -> Tensor:
    """Draw rectangles as float32 (N, 4): top, left, height, width, in fractions of the side.

    Each is the first of ten that fits into the image, or else the last one, clipped to fit.
    """
    shape = (count, _ATTEMPTS)
    area = torch.empty(shape).uniform_(*augment.area, generator=generator)
    bounds = [math.log(value) for value in augment.aspect]
    aspect = torch.empty(shape).uniform_(*bounds, generator=generator).exp()
    sizes = torch.stack([(area / aspect).sqrt(), (area * aspect).sqrt()], 2)
    fits = (sizes <= 1).all(2)
    fits[:, -1] = True
    first = fits.to(torch.uint8).argmax(1)
    size = sizes[torch.arange(count), first].clamp(max=1.0)
    corner = torch.rand((count, 2), generator=generator) * (1 - size)
    return torch.cat([corner, size], 1)


@full_float32()
def crop(images: Tensor, boxes: Tensor, mirrored: Tensor, resolution: int) -> Tensor:
    """Return uint8 (N, C, R, R) of one rectangle each of (N, C, S, S), mirrored or not."""
    count, channels, side, _ = images.shape
    box = boxes * side
    rows = _weights(box[:, 0], box[:, 2], side, resolution)
    columns = _weights(box[:, 1], box[:, 3], side, resolution)
    columns = torch.where(mirrored[:, None, None], columns.flip(1), columns)
    wide = images.reshape(count, channels * side, side).float()
    narrow = _bytes(wide.bmm(columns.mT)).view(count, channels, side, resolution)
    turned = narrow.mT.reshape(count, channels * resolution, side)
    square = _bytes(turned.bmm(rows.mT)).view(count, channels, resolution, resolution)
    return square.mT.to(torch.uint8).contiguous()


@full_float32()
def shrink(images: Tensor, resolution: int) -> Tensor:
    """Return uint8 (N, C, R, R) of whole images (N, C, S, S), by the arithmetic of `crop`."""
    side = images.shape[-1]
    if side == resolution:
        return images
    # Not torch.tensor(0.0): it makes a CPU tensor and copies it, and the host waits for the copy.
    start = torch.zeros(1, device=images.device)
    weights = _weights(start, torch.full_like(start, side), side, resolution)[0]
    narrow = _bytes(images.float() @ weights.T)
    return _bytes(weights @ narrow).to(torch.uint8)


def _weights(start: Tensor, length: Tensor, side: int, resolution: int) -> Tensor:
    """Return the weight of each pixel of a line in each new pixel, float32 (N, R, S)."""
    scale = (length / resolution)[:, None, None]
    new_pixels = torch.arange(resolution, device=start.device)[None, :, None] + 0.5
    centres = start[:, None, None] + new_pixels * scale
    pixels = torch.arange(side, device=start.device)[None, None, :] + 0.5
    weights = _cubic((pixels - centres) / scale.clamp(min=1.0))
    weights = weights / weights.sum(2, keepdim=True)
    return (weights * _UNITS).round() / _UNITS


def _cubic(distance: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, 0 from two pixels away on."""
    x, a = distance.abs(), _SHARPNESS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def _bytes(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255)
