"""Batches of a data set that is larger than memory."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from compound.jobs.data.augment.augment import Augmenter
from compound.jobs.data.augment.policies import NEWEST
from compound.jobs.data.batches import Batch, Finisher, Share, SizeOf
from compound.jobs.data.images import centre, resize
from compound.jobs.data.sources.dataset import Indices, Pixels
from compound.jobs.data.stream.order import streamed_order
from compound.jobs.data.stream.streamed_dataset import StreamedDataset
from compound.jobs.gpu.device_transfer import sent
from compound.schemas.recipe import Augment


class Streamed:
    """The Source that decodes images ahead of training, in processes of its own.

    A bad training image is replaced by the next good one of the listing, in every batch; a bad
    validation image is left out.
    """

    def __init__(
        self,
        dataset: StreamedDataset,
        augment: Augment,
        device: torch.device,
        resolution: int | None = None,
        central: float = 1.0,
        size_of: SizeOf | None = None,
        revision: int = NEWEST,
    ) -> None:
        """Measure mean and deviation. DataError: too many images of the sample are bad.

        `resolution` of the batches, by default the side that images are decoded at. `central`: the
        part of the side that validation takes. `size_of`: see Finisher;
        `revision`: see Augmenter.
        """
        self._dataset, self._device = dataset, device
        self._resolution, self._central = resolution or dataset.side, central
        self.images, self.held_out = dataset.rows.train, dataset.rows.held_out
        self.channels = dataset.choice.form.channels
        self.highest_label = int(dataset.rows.labels.max())
        self._labels = torch.from_numpy(dataset.rows.labels).to(device)
        self.moments = mean, deviation = dataset.moments
        augmenter = Augmenter(augment, mean.to(device), self._resolution, revision)
        self._finisher = Finisher(augmenter, mean, deviation, device, size_of)
        self.waited = 0.0
        """Seconds that training and validation had to wait for images, in all."""

    def training(self, seed: int, epoch: int, share: Share, first_step: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch from a step on, in whole batches.

        Nothing before that step is decoded. DataError: an image cannot be read.
        """
        finisher = self._finisher.of(epoch)
        drawn = finisher.draw(seed, epoch, self.images)
        dataset = self._dataset
        buffer = dataset.choice.spec.buffer
        positions = streamed_order(dataset.groups, seed, epoch, share.batch, buffer)
        frames = [positions[own] for own in share.slices(self.images, first_step)]
        largest = max(map(len, share.pieces))
        for pixels, rows in self._frames(frames, largest, replace=True):
            moved, draws = drawn.of(torch.from_numpy(rows))
            yield finisher.training(self._sent(pixels), self._labels[moved], draws)

    def validation(self, rank: int, world_size: int, size: int) -> Iterator[Batch]:
        """Yield this rank's part of the validation images, in the order of the listing."""
        first, end = (self.images + self.held_out * r // world_size for r in (rank, rank + 1))
        listed = np.arange(first, end, dtype=np.int64)
        frames = [listed[start : start + size] for start in range(0, len(listed), size)]
        for pixels, good in self._frames(frames, size, replace=False):
            if (good < 0).any():
                pixels, good = pixels[good >= 0], good[good >= 0]
            if len(good):
                rows = self._sent(good)
                square = centre(torch.from_numpy(pixels), self._central)
                resized = sent(resize(square, self._resolution), self._device)
                batch = self._finisher.plain(resized, self._labels[rows])
                yield batch._replace(positions=rows - self.images)

    def _frames(
        self, frames: list[Indices], size: int, replace: bool
    ) -> Iterator[tuple[Pixels, Indices]]:
        reader = self._dataset.read(frames, size, replace)
        before = self.waited
        for frame in reader:
            self.waited = before + reader.waited
            yield frame

    def _sent(self, values: Pixels | Indices) -> Tensor:
        """Return a view where batches are made here; a GPU gets its copy while it computes.

        The copy into page-locked memory frees the slot at once: were the slots themselves
        page-locked, each would wait for an event of the GPU before a decoder could fill it again.
        """
        return sent(torch.from_numpy(values), self._device)
