"""From a split in memory to this rank's batches: order, augmentation and normalisation."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from compound.jobs.data.augment.augment import Augmenter
from compound.jobs.data.augment.epoch_draws import Draws, EpochDraws
from compound.jobs.data.augment.mixing import Batch
from compound.jobs.data.augment.policies import NEWEST
from compound.jobs.data.images import Images
from compound.jobs.device_model import IMAGES_PART
from compound.jobs.gpu.device_transfer import picked, sent
from compound.jobs.seeds import Purpose, derive
from compound.schemas.recipe import Augment

__all__ = ["Batch", "Feeder", "Share", "order"]

SizeOf = Callable[[int], int]
"""Returns the side of the training images in an epoch, in pixels."""


@dataclass(frozen=True)
class Share:
    """One rank's share of every global batch of `batch` images, in micro-batches.

    Ranks take neighbouring images, so workers and accumulation cut the global batch into the same
    pieces.
    """

    batch: int
    pieces: tuple[range, ...]
    """The positions in the global batch of each micro-batch."""

    @classmethod
    def of(cls, batch: int, micro: int, rank: int, world_size: int) -> "Share":
        """Divide a batch evenly, into the fewest micro-batches of at most `micro` images."""
        first, end = (batch * number // world_size for number in (rank, rank + 1))
        images = end - first
        count = -(-images // micro)
        bounds = [first + images * piece // count for piece in range(count + 1)]
        return cls(batch, tuple(map(range, bounds[:-1], bounds[1:])))

    def slices(self, images: int, first_step: int = 0) -> Iterator[slice]:
        """Yield the slice of an epoch's order that each of this rank's micro-batches takes."""
        for start in range(first_step * self.batch, images - self.batch + 1, self.batch):
            for piece in self.pieces:
                yield slice(start + piece.start, start + piece.stop)


def order(seed: int, epoch: int, count: int) -> Tensor:
    """Return the order of all training images in an epoch, the same for every rank."""
    # A CPU generator: CUDA's gives other numbers for the same seed.
    generator = torch.Generator().manual_seed(derive(Purpose.ORDER, seed, epoch))
    return torch.randperm(count, generator=generator)


class Source(Protocol):
    """The source of a trainer's batches: images in memory, or streamed from disk."""

    @property
    def images(self) -> int:
        """The number of training images."""
        ...

    @property
    def held_out(self) -> int:
        """The number of validation images."""
        ...

    @property
    def channels(self) -> int:
        """Channels of every image."""
        ...

    @property
    def highest_label(self) -> int:
        """The largest label of both splits."""
        ...

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the channels that images are normalised by: (C,), 0 to 255."""
        ...

    def training(self, seed: int, epoch: int, share: Share, first_step: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch from a step (counted from 0) on.

        An incomplete batch is left out. Steps before `first_step` cost nothing.
        """
        ...

    def validation(self, rank: int, world_size: int, size: int) -> Iterator[Batch]:
        """Yield this rank's validation images, `size` at a time; the ranks divide them all.

        Each batch has the positions of its images.
        """
        ...


class Finisher:
    """The last steps to a batch, from any source: augment, move to the device, normalise."""

    def __init__(
        self,
        augmenter: Augmenter,
        mean: Tensor,
        deviation: Tensor,
        device: torch.device,
        size_of: SizeOf | None = None,
    ) -> None:
        """Take `mean` and `deviation` of the channels, float (C,), in units of 0 to 255.

        `size_of`: the side of training images by epoch; by default the augmenter's resolution.
        """
        self._augmenter, self._device, self._size_of = augmenter, device, size_of
        self._scale = (1 / deviation).to(device)[:, None, None]
        self._offset = (mean / deviation).to(device)[:, None, None]

    def of(self, epoch: int) -> "Finisher":
        """Return the finisher of an epoch's training batches, at the side of that epoch."""
        if self._size_of is None:
            return self
        sized = copy(self)
        sized._augmenter = self._augmenter.at(self._size_of(epoch))
        return sized

    def draw(self, seed: int, epoch: int, count: int) -> EpochDraws:
        """Draw the changes to all `count` training images in an epoch."""
        return EpochDraws(self._augmenter.draw(seed, epoch, count), self._device)

    def training(self, pixels: Tensor, labels: Tensor, draws: Draws) -> Batch:
        """Return a training batch of uint8 (B, C, S, S) and labels, changed as drawn.

        All are on the training device already.
        """
        floats = self._normalised(self._augmenter.apply(pixels, draws))
        return self._laid_out(self._augmenter.mixed(floats, labels, draws))

    def plain(self, pixels: Tensor, labels: Tensor) -> Batch:
        """Return a batch of unchanged images, on the training device like its labels."""
        return self._laid_out(Batch(self._normalised(pixels), labels))

    def _normalised(self, pixels: Tensor) -> Tensor:
        floats = pixels.to(torch.float32, copy=True)
        return floats.mul_(self._scale).sub_(self._offset)

    def _laid_out(self, batch: Batch) -> Batch:
        """Return the batch in the memory format of its device."""
        # cuDNN's convolutions for tensor cores take channels last. On a CPU the first convolution
        # reorders its input itself, as fast.
        if self._device.type == "cpu":
            return batch
        images = batch.images.contiguous(memory_format=torch.channels_last)
        return batch._replace(images=images)


class Feeder:
    """The Source that cuts batches out of images in memory: the device's memory where they fit."""

    def __init__(
        self,
        images: Images,
        augment: Augment,
        device: torch.device,
        size_of: SizeOf | None = None,
        revision: int = NEWEST,
    ) -> None:
        """`size_of`: see Finisher; `revision`: see Augmenter."""
        self._device, storage = device, _storage_device(images, device)
        self.images, self.held_out = len(images.train), len(images.validation)
        self.channels = images.train.shape[1]
        self.moments = images.mean, images.deviation
        labels = images.train_labels, images.validation_labels
        self.highest_label = max(int(part.max()) for part in labels)
        side = images.validation.shape[-1]
        augmenter = Augmenter(augment, images.mean.to(device), side, revision)
        self._finisher = Finisher(augmenter, images.mean, images.deviation, device, size_of)
        self._on_device = storage == device
        self._train, self._held_out = images.train.to(storage), images.validation.to(storage)
        self._train_labels = images.train_labels.to(device)
        self._held_out_labels = images.validation_labels.to(device)

    def training(self, seed: int, epoch: int, share: Share, first_step: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch, step after step, in whole batches."""
        finisher = self._finisher.of(epoch)
        drawn = finisher.draw(seed, epoch, self.images)
        epoch_order = order(seed, epoch, self.images)
        for own in share.slices(self.images, first_step):
            indices = epoch_order[own]
            moved, draws = drawn.of(indices)
            pixels = self._pixels(indices, moved)
            yield finisher.training(pixels, self._train_labels[moved], draws)

    def _pixels(self, indices: Tensor, moved: Tensor) -> Tensor:
        """Return training images by their indices: `indices` on the CPU, `moved` on the device."""
        if self._on_device:
            return self._train.index_select(0, moved)
        return picked(self._train, indices, self._device)

    def validation(self, rank: int, world_size: int, size: int) -> Iterator[Batch]:
        """Yield every world_size-th validation image from `rank` on, each exactly once."""
        images, labels = self._held_out[rank::world_size], self._held_out_labels[rank::world_size]
        positions = torch.arange(self.held_out, device=self._device)[rank::world_size]
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            pixels = images[part] if self._on_device else sent(images[part], self._device)
            batch = self._finisher.plain(pixels, labels[part])
            yield batch._replace(positions=positions[part])


def _storage_device(images: Images, device: torch.device) -> torch.device:
    """Return where the pixels are kept: a GPU spends up to a quarter of the worker's memory."""
    if device.type == "cpu":
        return device
    gpu = torch.get_device_module(device)
    total = gpu.get_device_properties(device).total_memory
    limit = int(total * gpu.get_per_process_memory_fraction(device)) // IMAGES_PART
    return device if images.bytes <= limit else torch.device("cpu")
