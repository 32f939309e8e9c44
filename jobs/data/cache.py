"""What a warm process keeps between jobs: one data set, and its last few resolutions."""

from collections import OrderedDict

import torch

from jobs.data.batches import Feeder, Source
from jobs.data.dataset import Dataset
from jobs.data.images import WHOLE, Images, View, at_resolution, view_of
from jobs.data.source import load
from schemas.errors import DataError
from schemas.job import DataRef
from schemas.recipe import Recipe

MAX_BYTES = 2 * 2**30
"""Resized pixels kept over all resolutions."""


class DataCache:
    """The data set used last, at the resolutions used last; made once by a process, and passed in.

    Resized pixels beyond `max_bytes` are let go, the ones unused for longest first.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._dataset: Dataset | None = None
        self._resized: OrderedDict[tuple[int, View], Images] = OrderedDict()

    def source(
        self,
        data: DataRef,
        resolution: int,
        recipe: Recipe,
        device: torch.device,
        threads: int = 1,
    ) -> Source:
        """Return what a trainer takes its batches from. DataError as for `at`.

        `threads`: CPUs of this process, which is also how many may decode at the same time.
        """
        return Feeder(self.at(data, resolution, view_of(recipe)), recipe.augment, device)

    def at(self, data: DataRef, resolution: int, view: View = WHOLE) -> Images:
        """Return the data at a resolution as a recipe sees it, from memory where it can be.

        DataError: it cannot be read, or is no longer what the job was planned for.
        """
        dataset, key = self.dataset(data), (resolution, view)
        if key not in self._resized:
            self._resized[key] = at_resolution(dataset, resolution, view)
        self._resized.move_to_end(key)
        self._shrink()
        return self._resized[key]

    def dataset(self, data: DataRef) -> Dataset:
        """Return the data at its stored size. DataError as for `at`."""
        if self._dataset is None or self._dataset.info.fingerprint != data.fingerprint:
            self._resized.clear()
            self._dataset = None
            self._dataset = _load(data)
        return self._dataset

    def _shrink(self) -> None:
        while len(self._resized) > 1 and self._bytes() > self._max_bytes:
            self._resized.popitem(last=False)

    def _bytes(self) -> int:
        return sum(images.bytes for images in self._resized.values())


def _load(data: DataRef) -> Dataset:
    dataset = load(data.spec)
    if dataset.info.fingerprint != data.fingerprint:
        raise DataError(
            f"the data has changed since the job was planned: fingerprint "
            f"{dataset.info.fingerprint}, not {data.fingerprint}",
            where=str(getattr(data.spec, "path", data.spec.source)),
            next_step="plan again with the data as it is now, or bring the old files back",
        )
    return dataset
