"""Data that a warm process keeps between jobs: one data set at its last few resolutions."""

import logging
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

import torch

from compound.jobs.data.augment.policies import NEWEST
from compound.jobs.data.batches import Feeder, Source
from compound.jobs.data.images import WHOLE, Images, View, at_resolution, train_side, view_of
from compound.jobs.data.progressive_resizing import size_at
from compound.jobs.data.source import evaluated_part, opened
from compound.jobs.data.sources.dataset import Dataset, HeldOut
from compound.jobs.data.sources.encoded import Choice, check_readable, decoded
from compound.schemas.errors import DataError
from compound.schemas.job import DataRef
from compound.schemas.recipe import Recipe

if TYPE_CHECKING:
    from compound.jobs.data.stream.remote_decoding import RemoteDecoder
    from compound.jobs.data.stream.streamed_dataset import StreamedDataset

MAX_BYTES = 2 * 2**30
"""Resized pixels kept over all resolutions."""
_FEW_DECODERS = 4
"""Number of decoding processes below which a GPU is likely to wait for images."""

_OTHER_PIXELS = (
    "; jobs that an older version planned cannot run on these images, since their orientation, "
    "transparency or depth is now read as a viewer shows it"
)

_log = logging.getLogger(__name__)


class DataCache:
    """The data set used last, at the resolutions used last. A process makes one and passes it in.

    Resized pixels beyond `max_bytes` are dropped, the least recently used first. Streamed data is
    decoded by `elsewhere`, if there is one, and otherwise by processes on this host.
    """

    def __init__(
        self, max_bytes: int = MAX_BYTES, elsewhere: "RemoteDecoder | None" = None
    ) -> None:
        self._max_bytes, self._decoder = max_bytes, elsewhere
        self._dataset: Dataset | Choice | None = None
        self._part: HeldOut = "validation"
        self._tested: tuple[DataRef, str] | None = None
        self._stream: StreamedDataset | None = None
        self._resized: OrderedDict[tuple[int, View], Images] = OrderedDict()

    def source(
        self,
        data: DataRef,
        resolution: int,
        recipe: Recipe,
        device: torch.device,
        threads: int = 1,
        part: HeldOut = "validation",
        revision: int = NEWEST,
    ) -> Source:
        """Return a trainer's source of batches. DataError as for `at`.

        `threads`: CPUs of this process, and the number of images decoded at the same time. `part`:
        what it evaluates; the test part is read only where it is asked for. `revision`: the job's.
        """
        dataset, view = self._current(data, part), view_of(recipe)
        size_of = partial(size_at, recipe, resolution) if recipe.resizing else None
        if isinstance(dataset, Choice):
            from compound.jobs.data.stream.streamed_batches import Streamed

            side = train_side(dataset.form.size, resolution, view)
            opened = self._streamed(dataset, side, threads)
            if device.type != "cpu" and self._decoder is None:
                _warn_of_few_decoders(dataset.spec.decoders or threads)
            return Streamed(
                opened, recipe.augment, device, resolution, view.central, size_of, revision
            )
        images = self._at(dataset, resolution, view)
        return Feeder(images, recipe.augment, device, size_of, revision)

    def test_content(self, data: DataRef) -> str:
        """Return the hash of the test part, which is listed once for each data set."""
        if self._tested is None or self._tested[0] != data:
            self._tested = data, evaluated_part(data.spec, data.undecodable).content
        return self._tested[1]

    def _streamed(self, choice: Choice, side: int, threads: int) -> "StreamedDataset":
        if self._stream is None or self._stream.side != side:
            from compound.jobs.data.stream.streamed_dataset import StreamedDataset

            self._close_stream()
            self._stream = StreamedDataset(choice, side, threads, self._decoder)
        return self._stream

    def _close_stream(self) -> None:
        if self._stream:
            self._stream.close()
        self._stream = None

    def at(self, data: DataRef, resolution: int, view: View = WHOLE) -> Images:
        """Return the data at a resolution as a recipe sees it, from memory if possible.

        DataError: it cannot be read, or it has changed since the job was planned.
        """
        return self._at(self.dataset(data), resolution, view)

    def _at(self, dataset: Dataset, resolution: int, view: View) -> Images:
        key = (resolution, view)
        if key not in self._resized:
            self._resized[key] = at_resolution(dataset, resolution, view)
        self._resized.move_to_end(key)
        self._shrink()
        return self._resized[key]

    def dataset(self, data: DataRef) -> Dataset:
        """Return the data at its stored size, in memory. DataError as for `at`."""
        current = self._current(data)
        return decoded(current) if isinstance(current, Choice) else current

    def _current(self, data: DataRef, part: HeldOut = "validation") -> Dataset | Choice:
        if self._dataset is None or self._part != part or not _matches(self._dataset, data):
            self._resized.clear()
            self._close_stream()
            self._dataset = None
            self._dataset, self._part = _load(data, part), part
        return self._dataset

    def _shrink(self) -> None:
        while len(self._resized) > 1 and self._bytes() > self._max_bytes:
            self._resized.popitem(last=False)

    def _bytes(self) -> int:
        return sum(images.bytes for images in self._resized.values())


def _warn_of_few_decoders(decoders: int) -> None:
    if decoders < _FEW_DECODERS:
        _log.warning(
            "%d process(es) decode images for a GPU, which may wait for them: `data_wait` of each "
            "epoch says how long. Give its workers more `cpus`, or set `data.decoders`",
            decoders,
        )


def _load(data: DataRef, part: HeldOut) -> Dataset | Choice:
    dataset = opened(data.spec, part=part, undecodable=data.undecodable)
    if not _matches(dataset, data):
        if isinstance(dataset, Choice):
            check_readable(dataset)
        raise DataError(
            f"the data has changed since the job was planned: fingerprint "
            f"{dataset.info.fingerprint}, not {data.fingerprint}",
            where=str(getattr(data.spec, "path", data.spec.source)),
            next_step="plan again with the data as it is now, or bring the old files back"
            + (_OTHER_PIXELS if dataset.info.pixels > 1 else ""),
        )
    return dataset


def _matches(dataset: Dataset | Choice, data: DataRef) -> bool:
    info = dataset.info
    return (info.fingerprint, info.undecodable) == (data.fingerprint, data.undecodable)
