"""A pass over rows that other machines decode, frame by frame."""

import time
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from compound.jobs.data.listing.file_location import IMAGE_BYTES
from compound.jobs.data.sources.dataset import Indices, Pixels
from compound.jobs.data.stream.encoded_rows import EncodedRows
from compound.jobs.data.stream.remote_decoding import (
    Encoded,
    RemoteDecoder,
    RemoteSettings,
    decoded,
)
from compound.jobs.regular_file import read_regular


class RemoteReader:
    """Yields what LocalReader does: pixels, uint8 (B, C, R, R), and rows of each frame.

    A row that cannot be decoded is replaced by one that this process decodes, which is rare.
    """

    def __init__(
        self,
        rows: EncodedRows,
        decoder: RemoteDecoder,
        terms: RemoteSettings,
        frames: Sequence[Indices],
        replace: bool,
    ) -> None:
        """Read `frames` of rows, all of one split. Bad ones are replaced, or else left out."""
        self._rows, self._terms, self._replace = rows, terms, replace
        self._frames = [rows.settled(frame.copy(), replace) for frame in frames]
        self._missing = [self._uncached(frame) for frame in self._frames]
        self._images = self._decoded_images(decoder)
        self.waited = 0.0
        """Seconds that the caller had to wait for images."""

    def __iter__(self) -> Iterator[tuple[Pixels, Indices]]:
        """Yield the frames. DataError: an image cannot be had, or too many are bad."""
        try:
            for rows, missing in zip(self._frames, self._missing, strict=True):
                pixels = self._cached_pixels(rows, missing)
                for position in missing.tolist():
                    rows[position] = self._take(int(rows[position]), pixels[position])
                yield pixels, rows
            self._rows.seal()
        finally:
            self.close()

    def close(self) -> None:
        """End the pass, and the work of the other machines."""
        self._images.close()

    def _uncached(self, rows: Indices) -> Indices:
        return np.setdiff1d(np.flatnonzero(rows >= 0), self._rows.cached(rows))

    def _decoded_images(self, decoder: RemoteDecoder) -> Generator[tuple[Pixels, str]]:
        """Yield every missing image with the reason of a failure, or an empty text."""
        pairs = zip(self._frames, self._missing, strict=True)
        rows = [frame[missing] for frame, missing in pairs]
        spots = self._rows.spots(np.concatenate([np.empty(0, dtype=np.int64), *rows]))
        if len(spots):
            for part in decoder.parts(spots, self._terms):
                yield from zip(*part, strict=True)

    def _cached_pixels(self, rows: Indices, missing: Indices) -> Pixels:
        """Return the pixels of a frame: those that the cache has, and zeros."""
        side = self._terms.side
        pixels = np.zeros((len(rows), self._terms.form.channels, side, side), dtype=np.uint8)
        cached = np.setdiff1d(np.flatnonzero(rows >= 0), missing)
        if len(cached):
            few = pixels[cached]
            self._rows.read(rows[cached], few)
            pixels[cached] = few
        return pixels

    def _take(self, row: int, out: Pixels) -> int:
        """Copy the next image or its replacement to `out`; return the row of it, or -1."""
        started = time.perf_counter()
        image, reason = next(self._images)
        self.waited += time.perf_counter() - started
        while reason:
            self._rows.mark_bad(row, reason)
            row = self._rows.instead(row, self._replace)
            if row < 0:
                return row
            image, reason = self._decode_locally(row)
        out[:] = image
        self._rows.keep(row, image)
        return row

    def _decode_locally(self, row: int) -> tuple[Pixels, str]:
        source = self._rows.take(row)
        try:
            data: Encoded = read_regular(source, IMAGE_BYTES) if isinstance(source, str) else source
        except OSError as error:
            data = error.strerror or str(error)
        pixels, reasons = decoded([data], self._terms)
        return pixels[0], reasons[0]
