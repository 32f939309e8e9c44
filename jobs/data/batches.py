"""From a split in memory to this rank's batches: order, augmentation and normalisation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from jobs.data.augment import Augmenter, Draws
from jobs.data.images import Images
from jobs.seeds import Purpose, derive
from schemas.recipe import Augment

Batch = tuple[Tensor, Tensor]
"""Float images (B, C, R, R), channels_last, and int64 labels (B,), on the training device."""


@dataclass(frozen=True)
class Share:
    """What one rank takes of a global batch: `accumulate` micro-batches of `micro` images.

    Rank r takes its micro-batches one after the other, so workers and accumulation cut the
    global batch into the same pieces.
    """

    batch: int
    micro: int
    accumulate: int
    rank: int

    def starts(self, images: int, first_step: int = 0) -> Iterator[int]:
        """Yield where in an epoch's order each of this rank's micro-batches begins."""
        mine = self.rank * self.accumulate * self.micro
        for step in range(first_step, images // self.batch):
            start = step * self.batch + mine
            yield from range(start, start + self.accumulate * self.micro, self.micro)


def order(seed: int, epoch: int, count: int) -> Tensor:
    """Return the order of all training images in an epoch, the same for every rank."""
    generator = torch.Generator().manual_seed(derive(Purpose.ORDER, seed, epoch))
    return torch.randperm(count, generator=generator)


class Source(Protocol):
    """Where a trainer's batches come from: images in memory, or streamed from disk."""

    @property
    def images(self) -> int:
        """How many training images there are."""
        ...

    @property
    def held_out(self) -> int:
        """How many validation images there are."""
        ...

    @property
    def channels(self) -> int:
        """Channels of every image."""
        ...

    @property
    def highest_label(self) -> int:
        """The largest label of both splits."""
        ...

    def training(self, seed: int, epoch: int, share: Share, first_step: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch from a step (counted from 0) on.

        A short rest is left out. Starting later costs nothing for what lies before.
        """
        ...

    def validation(self, rank: int, world_size: int, size: int) -> Iterator[Batch]:
        """Yield this rank's validation images, `size` at a time; over the ranks, each once."""
        ...


class Finisher:
    """The last steps to a batch, wherever its pixels came from: change, move, normalise."""

    def __init__(
        self,
        augmenter: Augmenter,
        mean: Tensor,
        deviation: Tensor,
        device: torch.device,
    ) -> None:
        """Take `mean` and `deviation` of the channels, float (C,), in units of 0 to 255."""
        self._augmenter, self._device = augmenter, device
        self._scale = (1 / deviation).to(device)[:, None, None]
        self._offset = (mean / deviation).to(device)[:, None, None]

    def draw(self, seed: int, epoch: int, count: int) -> Draws:
        """Draw the changes to all `count` training images in an epoch."""
        return self._augmenter.draw(seed, epoch, count)

    def training(self, pixels: Tensor, labels: Tensor, draws: Draws) -> Batch:
        """Return a training batch of uint8 (B, C, R, R) and labels, changed as drawn."""
        return self.plain(self._augmenter.apply(pixels, draws), labels)

    def plain(self, pixels: Tensor, labels: Tensor) -> Batch:
        """Return a batch of unchanged images."""
        return self._normalised(pixels), self._there(labels)

    def _normalised(self, pixels: Tensor) -> Tensor:
        """Centre and scale while rows lie together, which is fastest; then channels_last."""
        floats = (self._there(pixels) * self._scale).sub_(self._offset)
        return floats.contiguous(memory_format=torch.channels_last)

    def _there(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, non_blocking=True)


class Feeder:
    """The Source that cuts batches out of images in memory: the device's own where they fit."""

    def __init__(self, images: Images, augment: Augment, device: torch.device) -> None:
        self._home = _home(images, device)
        self.images, self.held_out = len(images.train), len(images.validation)
        self.channels = images.train.shape[1]
        labels = images.train_labels, images.validation_labels
        self.highest_label = max(int(part.max()) for part in labels)
        augmenter = Augmenter(augment, images.mean.to(self._home), images.train.shape[-1])
        self._finisher = Finisher(augmenter, images.mean, images.deviation, device)
        self._train = images.train.to(self._home)
        self._train_labels = images.train_labels.to(self._home)
        self._held = images.validation.to(self._home)
        self._held_labels = images.validation_labels.to(self._home)

    def training(self, seed: int, epoch: int, share: Share, first_step: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch, step after step; a short rest is left."""
        draws = self._finisher.draw(seed, epoch, self.images)
        places = order(seed, epoch, self.images).to(self._home)
        for first in share.starts(self.images, first_step):
            yield self._training_batch(places[first : first + share.micro], draws)

    def _training_batch(self, indices: Tensor, draws: Draws) -> Batch:
        pixels, labels = self._train.index_select(0, indices), self._train_labels[indices]
        return self._finisher.training(pixels, labels, draws.of(indices))

    def validation(self, rank: int, world_size: int, size: int) -> Iterator[Batch]:
        """Yield every world_size-th validation image from `rank` on, each exactly once."""
        images, labels = self._held[rank::world_size], self._held_labels[rank::world_size]
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            yield self._finisher.plain(images[part], labels[part])


def _home(images: Images, device: torch.device) -> torch.device:
    """Choose where the pixels lie: a GPU keeps them in up to a quarter of its memory."""
    if device.type != "cuda":
        return device
    room = torch.cuda.get_device_properties(device).total_memory // 4
    return device if images.bytes <= room else torch.device("cpu")
