"""Mixup and cutmix: an image takes a part of its neighbour's pixels, and of its label."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from compound.schemas.recipe import Augment


class Batch(NamedTuple):
    """The input of one pass through the network, on the training device."""

    images: Tensor
    """Float (B, C, R, R); channels_last on a GPU."""
    labels: Tensor
    """int64 (B,)."""
    mixed_labels: Tensor | None = None
    """The labels of the images that were mixed in, int64 (B,)."""
    share: Tensor | None = None
    """How much of each image is its own, float32 (B,)."""
    positions: Tensor | None = None
    """Of held-out images: where they stand in their part, int64 (B,)."""


def draw_shares(augment: Augment, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw how much of each image stays its own, float32 (N,), and whether a rectangle goes."""
    random = np.random.default_rng(seed)
    blended, pasted = (
        random.beta(alpha, alpha, count) if alpha else np.ones(count)
        for alpha in (augment.mixup, augment.cutmix)
    )
    coin = random.random(count) < 0.5
    boxed = coin if augment.mixup and augment.cutmix else np.full(count, augment.cutmix > 0)
    share = np.where(boxed, pasted, blended)
    return torch.from_numpy(share).float(), torch.from_numpy(boxed)


def mix(images: Tensor, labels: Tensor, share: Tensor, boxed: Tensor, centres: Tensor) -> Batch:
    """Mix each image with its neighbour: the first with the second, the third with the fourth.

    So an image's partner does not depend on how many workers divide a batch, as long as
    micro-batches are even; the last image of an odd one is not mixed. `centres`: the centre of
    cutmix's rectangle in pixels, (B, 2); the part beyond the edge is not pasted.
    """
    partner = _partners(len(images), images.device)
    alone = partner == torch.arange(len(images), device=images.device)
    pasted = _rectangle(share, centres, images.shape[-1])
    own = torch.where(boxed, 1 - pasted.float().mean((1, 2)), share)
    own = torch.where(alone, 1.0, own)
    weight = torch.where(boxed[:, None, None], (~pasted).float(), own[:, None, None])[:, None]
    return Batch(torch.lerp(images[partner], images, weight), labels, labels[partner], own)


def _partners(count: int, device: torch.device) -> Tensor:
    positions = torch.arange(count, device=device)
    neighbours = positions ^ 1
    return torch.where(neighbours < count, neighbours, positions)


def _rectangle(share: Tensor, centres: Tensor, side: int) -> Tensor:
    """Return which pixels (B, R, R) a rectangle covers that leaves `share` of the image."""
    length = (side * (1 - share).sqrt()).round()[:, None]
    pixels = torch.arange(side, device=share.device)
    inside = []
    for axis in (0, 1):
        start = centres[:, axis, None] - (length / 2).floor()
        inside.append((pixels >= start) & (pixels < start + length))
    return inside[0][:, :, None] & inside[1][:, None, :]
