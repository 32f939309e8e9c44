"""From a split in memory to this rank's batches: order, augmentation and normalisation."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from jobs.data.augment import Augmenter, Draws
from jobs.data.images import Images
from jobs.data.mixing import Batch
from jobs.seeds import Purpose, derive
from schemas.recipe import Augment

__all__ = ["Batch", "Feeder", "Share", "order"]


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


def order(seed: int, epoch: int, count: int) -> Tensor:
    """Return the order of all training images in an epoch, the same for every rank."""
    generator = torch.Generator().manual_seed(derive(Purpose.ORDER, seed, epoch))
    return torch.randperm(count, generator=generator)


class Feeder:
    """Cuts batches out of images in memory: the device's own where they fit well."""

    def __init__(self, images: Images, augment: Augment, device: torch.device) -> None:
        self._device, self._home = device, _home(images, device)
        mean = images.mean.to(self._home)
        self._augmenter = Augmenter(augment, mean, images.validation.shape[-1])
        self._train = images.train.to(self._home)
        self._train_labels = images.train_labels.to(self._home)
        self._held = images.validation.to(self._home)
        self._held_labels = images.validation_labels.to(self._home)
        self._scale = (1 / images.deviation).to(device)[:, None, None]
        self._offset = (images.mean / images.deviation).to(device)[:, None, None]

    def training(self, seed: int, epoch: int, share: Share) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch, step after step; a short rest is left."""
        count = len(self._train)
        draws = self._augmenter.draw(seed, epoch, count)
        places = order(seed, epoch, count)
        mine = share.rank * share.accumulate * share.micro
        for start in range(mine, mine + count - share.batch + 1, share.batch):
            for first in range(start, start + share.accumulate * share.micro, share.micro):
                yield self._training_batch(places[first : first + share.micro], draws)

    def _training_batch(self, indices: Tensor, draws: Draws) -> Batch:
        own, there = draws.of(indices), indices.to(self._home)
        pixels = self._augmenter.apply(self._train.index_select(0, there), own)
        labels = self._there(self._train_labels[there])
        return self._augmenter.mixed(self._normalised(pixels), labels, own)

    def validation(self, rank: int, world_size: int, size: int) -> Iterator[Batch]:
        """Yield every world_size-th validation image from `rank` on, each exactly once."""
        images, labels = self._held[rank::world_size], self._held_labels[rank::world_size]
        for start in range(0, len(images), size):
            pixels = self._normalised(images[start : start + size])
            yield Batch(pixels, self._there(labels[start : start + size]))

    def _normalised(self, pixels: Tensor) -> Tensor:
        """Centre and scale while rows lie together, which is fastest; then channels_last."""
        floats = (self._there(pixels) * self._scale).sub_(self._offset)
        return floats.contiguous(memory_format=torch.channels_last)

    def _there(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, non_blocking=True)


def _home(images: Images, device: torch.device) -> torch.device:
    """Choose where the pixels lie: a GPU keeps them in up to a quarter of its memory."""
    if device.type != "cuda":
        return device
    room = torch.cuda.get_device_properties(device).total_memory // 4
    return device if images.bytes <= room else torch.device("cpu")
