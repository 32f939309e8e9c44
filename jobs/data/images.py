"""A data set as tensors at the resolution of a job, with its mean and deviation."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from compound.jobs.data.sources.dataset import Dataset
from compound.schemas.recipe import Recipe

_CHUNK_VALUES = 2**24
"""Float values that a chunk may take while resizing: 64 MiB."""


_CROPPED = 0.875
"""224 / 256: published networks are evaluated on the inner 224 of 256 pixels. Images from which
random rectangles are cropped for training are kept at this larger size."""


class View(NamedTuple):
    """How a recipe uses images, at any resolution."""

    larger: bool = False
    """Training images keep more pixels than the resolution, for random rectangles."""
    central: float = 1.0
    """The side of the central square that is evaluated, as a fraction of the image's."""


WHOLE = View()


def view_of(recipe: Recipe) -> View:
    """Return how a recipe uses images."""
    return View(recipe.augment.crop == "resized", recipe.central)


@dataclass(frozen=True)
class Images:
    """Both splits as uint8 (N, C, R, R) with int64 labels (N,), and the training statistics.

    Training images for random rectangles are (N, C, S, S), larger or smaller than R.
    """

    train: Tensor
    train_labels: Tensor
    validation: Tensor
    validation_labels: Tensor
    mean: Tensor
    """Mean of each channel over the training split, float32 (C,), in units of 0 to 255."""
    deviation: Tensor
    """Standard deviation of each channel, float32 (C,), never 0."""

    @property
    def bytes(self) -> int:
        """The memory that the pixels take."""
        return self.train.numel() + self.validation.numel()


def at_resolution(dataset: Dataset, resolution: int, view: View = WHOLE) -> Images:
    """Resize both splits to `resolution` x `resolution`; no copy where they have that size."""
    stored = torch.from_numpy(dataset.train_images)
    train = resize(stored, train_side(stored.shape[-1], resolution, view))
    held_out = centre(torch.from_numpy(dataset.validation_images), view.central)
    mean, deviation = statistics(train)
    return Images(
        train=train,
        train_labels=torch.from_numpy(dataset.train_labels),
        validation=resize(held_out, resolution),
        validation_labels=torch.from_numpy(dataset.validation_labels),
        mean=mean,
        deviation=deviation,
    )


def train_side(stored: int, resolution: int, view: View) -> int:
    """Return the side that training images are kept at, in pixels."""
    return min(stored, round(resolution / _CROPPED)) if view.larger else resolution


def centre(images: Tensor, fraction: float) -> Tensor:
    """Return the central square of images (N, C, S, S), `fraction` of their side."""
    whole = images.shape[-1]
    side = max(1, round(fraction * whole))
    start = (whole - side) // 2
    return images[..., start : start + side, start : start + side]


def resize(images: Tensor, resolution: int) -> Tensor:
    """Resize uint8 (N, C, S, S) to (N, C, R, R) by antialiased bicubic, in bounded memory."""
    count, channels, side, _ = images.shape
    if side == resolution:
        return images
    out = torch.empty(count, channels, resolution, resolution, dtype=torch.uint8)
    chunk = max(1, _CHUNK_VALUES // (channels * max(side, resolution) ** 2))
    for start in range(0, count, chunk):
        pixels = functional.interpolate(
            images[start : start + chunk].float(),
            size=(resolution, resolution),
            mode="bicubic",
            antialias=True,
        )
        out[start : start + chunk] = pixels.round_().clamp_(0, 255).to(torch.uint8)
    return out


def statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation by channel."""
    # From integer histograms, not float sums: equal bits with any order and number of threads.
    return moments(histograms(images))


def histograms(images: Tensor) -> Tensor:
    """Count the values of each channel of uint8 (N, C, R, R): int64 (C, 256)."""
    return torch.stack([_histogram(images[:, channel]) for channel in range(images.shape[1])])


def moments(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation, float32 (C,), of values counted as int64 (C, 256)."""
    values = torch.arange(256, dtype=torch.float64)
    shares = counts.double() / counts.sum(1, keepdim=True)
    mean = shares @ values
    variance = shares @ values.square() - mean.square()
    return mean.float(), variance.clamp_(min=1.0).sqrt().float()


def _histogram(channel: Tensor) -> Tensor:
    return torch.bincount(channel.reshape(-1), minlength=256)
