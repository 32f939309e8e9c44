"""A data set that is streamed at one resolution, shared by the jobs at that resolution."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from compound.jobs.data.images import histograms, moments
from compound.jobs.data.sources.dataset import Indices
from compound.jobs.data.sources.encoded import Choice
from compound.jobs.data.stream.disk_cache import Layout, RawCache
from compound.jobs.data.stream.encoded_rows import EncodedRows
from compound.jobs.data.stream.local_reader import LocalReader
from compound.jobs.data.stream.order import sample_order
from compound.jobs.data.stream.pool import Pool
from compound.jobs.data.stream.remote_decoding import CHUNK, RemoteDecoder, RemoteSettings
from compound.jobs.data.stream.remote_reader import RemoteReader
from compound.schemas.data import ParquetData

SAMPLE = 4096
"""Training images that mean and deviation are measured on."""
_FRAME = 64
_AHEAD_BYTES = 2**28
"""Memory for frames that wait; two frames are kept even where they take more."""
_MOST_FRAMES = 8

_RULES = "-3"
"""Part of a cache's name: raised when some image's pixels change. The fingerprint may stay then:
it follows a sample of the images alone."""

_log = logging.getLogger(__name__)


class StreamedDataset:
    """Encoded images, the processes that decode them, and the cache that keeps the pixels.

    One pass at a time: beginning another ends the one before.
    """

    def __init__(
        self, choice: Choice, side: int, threads: int, decoder: RemoteDecoder | None = None
    ) -> None:
        """Stream at `side` pixels a side, decoded by `threads` processes unless the spec says.

        `decoder`: decodes on other machines instead of these processes.
        """
        self.choice, self.side, self._decoder = choice, side, decoder
        self._workers = choice.spec.decoders or threads
        self.rows = EncodedRows(choice, _cache(choice, side))
        self.groups = self.rows.groups()
        self._pool: Pool | None = None
        self._size = 0
        self._reader: LocalReader | RemoteReader | None = None
        self._moments: tuple[Tensor, Tensor] | None = None

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each channel, over all training images or a fixed sample.

        The sample depends on the data and its split seed alone. DataError: too many bad images.
        """
        if self._moments is None:
            counts = torch.zeros(self.choice.form.channels, 256, dtype=torch.int64)
            rows = self._sample()
            frames = [rows[start : start + _FRAME] for start in range(0, len(rows), _FRAME)]
            for pixels, good in self.read(frames, _FRAME, replace=False):
                counts += histograms(torch.from_numpy(pixels[good >= 0]))
            self._moments = moments(counts)
        return self._moments

    def _sample(self) -> Indices:
        if self.rows.train <= SAMPLE:
            return np.arange(self.rows.train, dtype=np.int64)
        return sample_order(self.groups, SAMPLE, self.choice.spec.split_seed)

    def read(
        self, frames: Sequence[Indices], size: int, replace: bool
    ) -> LocalReader | RemoteReader:
        """Begin a pass over rows, in frames of at most `size`."""
        if self._reader:
            self._reader.close()
        self._reader = (
            RemoteReader(
                self.rows, self._decoder, _remote_settings(self.choice, self.side), frames, replace
            )
            if self._decoder
            else LocalReader(self.rows, self._pool_for(size), frames, size, replace)
        )
        return self._reader

    def _pool_for(self, size: int) -> Pool:
        if self._pool is None or size > self._size:
            if self._pool:
                self._pool.close()
            form = self.choice.form
            fitting = _AHEAD_BYTES // (size * form.channels * self.side**2)
            frames = min(max(fitting, 2), _MOST_FRAMES)
            self._pool, self._size = Pool(self._workers, frames * size, form, self.side), size
        return self._pool

    def close(self) -> None:
        """End the pass and the processes."""
        if self._reader:
            self._reader.close()
        if self._pool:
            self._pool.close()


def _remote_settings(choice: Choice, side: int) -> RemoteSettings:
    spec = choice.spec
    if isinstance(spec, ParquetData):
        return RemoteSettings(choice.form, side, spec.buffer, spec.image_column)
    return RemoteSettings(choice.form, side, CHUNK)


def _cache(choice: Choice, side: int) -> RawCache | None:
    named = choice.spec.cache
    folder = os.environ.get("COMPOUND_CACHE", "off") if named == "auto" else named
    if folder == "off":
        return None
    rows = len(choice.train.indices) + len(choice.validation.indices)
    layout = Layout(rows=rows, channels=choice.form.channels, side=side)
    return RawCache.open(Path(folder), f"{choice.info.fingerprint}-{side}{_RULES}", layout)
