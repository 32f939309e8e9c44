"""Batches of a data set that is larger than memory."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from compound.jobs.data.augment.augment import Augmenter
from compound.jobs.data.batches import Batch, Finisher, Share, SizeOf
from compound.jobs.data.dataset import Indices, Pixels
from compound.jobs.data.images import centre, resize
from compound.jobs.data.stream.order import streamed_order
from compound.jobs.data.stream.streamed_dataset import StreamedDataset
from compound.jobs.gpu.device_transfer import sent
from compound.schemas.recipe import Augment


class Streamed:
    """The Source that decodes images ahead of training, in processes of its own.

    A bad training image is replaced by the next good one of the listing, in whichever batch it
    comes; a bad validation image is left out.
    """

    def __init__(
        self,
        opened: StreamedDataset,
        augment: Augment,
        device: torch.device,
        resolution: int | None = None,
        central: float = 1.0,
        size_of: SizeOf | None = None,
    ) -> None:
        """Prepare. DataError: too many images of the sample for mean and deviation are bad.

        `resolution` of the batches, by default the side that images are decoded at; of validation
        images the `central` part of that side is taken. `size_of`: see Finisher.
        """
        self._opened, self._device = opened, device
        self._resolution, self._central = resolution or opened.side, central
        self.images, self.held_out = opened.stock.train, opened.stock.held_out
        self.channels = opened.choice.form.channels
        self.highest_label = int(opened.stock.labels.max())
        self._labels = torch.from_numpy(opened.stock.labels).to(device)
        mean, deviation = opened.moments
        augmenter = Augmenter(augment, mean.to(device), self._resolution)
        self._finisher = Finisher(augmenter, mean, deviation, device, size_of)
        self.waited = 0.0
        """Seconds that training and validation had to wait for images, in all."""

    def training(self, seed: int, epoch: int, share: Share, first_step: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch from a step on; a short rest is left.

        Nothing that lies before is decoded. DataError: an image cannot be had.
        """
        finisher = self._finisher.of(epoch)
        drawn = finisher.draw(seed, epoch, self.images)
        opened = self._opened
        buffer = opened.choice.spec.buffer
        places = streamed_order(opened.groups, seed, epoch, share.batch, buffer)
        frames = [places[mine] for mine in share.places(self.images, first_step)]
        largest = max(map(len, share.pieces))
        for pixels, rows in self._frames(frames, largest, replace=True):
            moved, draws = drawn.of(torch.from_numpy(rows))
            yield finisher.training(self._sent(pixels), self._labels[moved], draws)

    def validation(self, rank: int, world_size: int, size: int) -> Iterator[Batch]:
        """Yield this rank's part of the validation images, in the order of the listing."""
        first, end = (self.images + self.held_out * r // world_size for r in (rank, rank + 1))
        rows = np.arange(first, end, dtype=np.int64)
        frames = [rows[start : start + size] for start in range(0, len(rows), size)]
        for pixels, kept in self._frames(frames, size, replace=False):
            if (kept < 0).any():
                pixels, kept = pixels[kept >= 0], kept[kept >= 0]
            if len(kept):
                labels = self._labels[self._sent(kept)]
                square = centre(torch.from_numpy(pixels), self._central)
                resized = sent(resize(square, self._resolution), self._device)
                yield self._finisher.plain(resized, labels)

    def _frames(
        self, frames: list[Indices], size: int, replace: bool
    ) -> Iterator[tuple[Pixels, Indices]]:
        walk = self._opened.walk(frames, size, replace)
        before = self.waited
        for frame in walk:
            self.waited = before + walk.waited
            yield frame

    def _sent(self, values: Pixels | Indices) -> Tensor:
        """Return a view where batches are made here; a GPU gets its copy while it computes.

        The copy into page-locked memory frees the slot at once: were the slots themselves
        page-locked, each would wait for an event of the GPU before a decoder could fill it again.
        """
        return sent(torch.from_numpy(values), self._device)
