"""What a warm process keeps between jobs: one data set, and its last few resolutions."""

import logging
from collections import OrderedDict
from functools import partial

import torch

from compound.jobs.data.batches import Feeder, Source
from compound.jobs.data.images import WHOLE, Images, View, at_resolution, train_side, view_of
from compound.jobs.data.progressive_resizing import size_at
from compound.jobs.data.source import opened
from compound.jobs.data.sources.dataset import Dataset
from compound.jobs.data.sources.encoded import Choice, decoded
from compound.jobs.data.stream.remote_decoding import RemoteDecoder
from compound.jobs.data.stream.streamed_batches import Streamed
from compound.jobs.data.stream.streamed_dataset import StreamedDataset
from compound.schemas.errors import DataError
from compound.schemas.job import DataRef
from compound.schemas.recipe import Recipe

MAX_BYTES = 2 * 2**30
"""Resized pixels kept over all resolutions."""
_FEW_DECODERS = 4
"""Decoding processes below which a GPU is likely to wait for images."""

_log = logging.getLogger(__name__)


class DataCache:
    """The data set used last, at the resolutions used last; made once by a process, and passed in.

    Resized pixels beyond `max_bytes` are let go, the ones unused for longest first. Data that is
    streamed is decoded `elsewhere`, where that is given.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, elsewhere: RemoteDecoder | None = None) -> None:
        self._max_bytes, self._elsewhere = max_bytes, elsewhere
        self._found: Dataset | Choice | None = None
        self._stream: StreamedDataset | None = None
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
        found, view = self._current(data), view_of(recipe)
        size_of = partial(size_at, recipe, resolution) if recipe.resizing else None
        if isinstance(found, Choice):
            side = train_side(found.form.size, resolution, view)
            opened = self._streamed(found, side, threads)
            if device.type != "cpu" and self._elsewhere is None:
                _warn_of_few(found.spec.decoders or threads)
            return Streamed(opened, recipe.augment, device, resolution, view.central, size_of)
        return Feeder(self.at(data, resolution, view), recipe.augment, device, size_of)

    def _streamed(self, choice: Choice, side: int, threads: int) -> StreamedDataset:
        if self._stream is None or self._stream.side != side:
            self._let_go()
            self._stream = StreamedDataset(choice, side, threads, self._elsewhere)
        return self._stream

    def _let_go(self) -> None:
        if self._stream:
            self._stream.close()
        self._stream = None

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
        """Return the data at its stored size, in memory. DataError as for `at`."""
        found = self._current(data)
        return decoded(found) if isinstance(found, Choice) else found

    def _current(self, data: DataRef) -> Dataset | Choice:
        if self._found is None or not _is(self._found, data):
            self._resized.clear()
            self._let_go()
            self._found = None
            self._found = _load(data)
        return self._found

    def _shrink(self) -> None:
        while len(self._resized) > 1 and self._bytes() > self._max_bytes:
            self._resized.popitem(last=False)

    def _bytes(self) -> int:
        return sum(images.bytes for images in self._resized.values())


def _warn_of_few(decoders: int) -> None:
    if decoders < _FEW_DECODERS:
        _log.warning(
            "%d process(es) decode images for a GPU, which may wait for them: `data_wait` of each "
            "epoch says how long. Give its workers more `cpus`, or set `data.decoders`",
            decoders,
        )


def _load(data: DataRef) -> Dataset | Choice:
    found = opened(data.spec)
    if not _is(found, data):
        raise DataError(
            f"the data has changed since the job was planned: fingerprint "
            f"{found.info.fingerprint}, not {data.fingerprint}",
            where=str(getattr(data.spec, "path", data.spec.source)),
            next_step="plan again with the data as it is now, or bring the old files back",
        )
    return found


def _is(found: Dataset | Choice, data: DataRef) -> bool:
    return found.info.fingerprint == data.fingerprint
