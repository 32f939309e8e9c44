"""A walk through rows that are decoded elsewhere, handed out frame by frame."""

import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np

from compound.jobs.data.dataset import Indices, Pixels
from compound.jobs.data.stream.encoded_rows import EncodedRows
from compound.jobs.data.stream.remote_decoding import (
    Encoded,
    RemoteDecoder,
    RemoteSettings,
    decoded,
)


class RemoteReader:
    """Yields what walk.Walk would: pixels, uint8 (B, C, R, R), and rows of one frame after another.

    A row that cannot be decoded is replaced by one that is decoded here, which is rare.
    """

    def __init__(
        self,
        stock: EncodedRows,
        elsewhere: RemoteDecoder,
        terms: RemoteSettings,
        frames: Sequence[Indices],
        replace: bool,
    ) -> None:
        """Walk through `frames` of rows, all of one split. Bad ones: replaced, else left out."""
        self._stock, self._terms, self._replace = stock, terms, replace
        self._frames = [stock.settled(rows.copy(), replace) for rows in frames]
        self._wanted = [self._uncached(rows) for rows in self._frames]
        self._images = self._coming(elsewhere)
        self.waited = 0.0
        """Seconds that the caller had to wait for images."""

    def __iter__(self) -> Iterator[tuple[Pixels, Indices]]:
        """Yield the frames. DataError: an image cannot be had, or too many are bad."""
        try:
            for rows, wanted in zip(self._frames, self._wanted, strict=True):
                pixels = self._begun(rows, wanted)
                for place in wanted.tolist():
                    rows[place] = self._take(int(rows[place]), pixels[place])
                yield pixels, rows
            self._stock.seal()
        finally:
            self.close()

    def close(self) -> None:
        """End the walk, and the work elsewhere."""
        self._images.close()

    def _uncached(self, rows: Indices) -> Indices:
        return np.setdiff1d(np.flatnonzero(rows >= 0), self._stock.cached(rows))

    def _coming(self, elsewhere: RemoteDecoder) -> Generator[tuple[Pixels, str]]:
        """Yield every wanted image with the reason why there is none, or nothing."""
        rows = [some[places] for some, places in zip(self._frames, self._wanted, strict=True)]
        spots = self._stock.spots(np.concatenate([np.empty(0, dtype=np.int64), *rows]))
        if len(spots):
            for part in elsewhere.parts(spots, self._terms):
                yield from zip(*part, strict=True)

    def _begun(self, rows: Indices, wanted: Indices) -> Pixels:
        """Return room for a frame, with the images in it that the cache has."""
        side = self._terms.side
        pixels = np.zeros((len(rows), self._terms.form.channels, side, side), dtype=np.uint8)
        cached = np.setdiff1d(np.flatnonzero(rows >= 0), wanted)
        if len(cached):
            few = pixels[cached]
            self._stock.read(rows[cached], few)
            pixels[cached] = few
        return pixels

    def _take(self, row: int, out: Pixels) -> int:
        """Copy the next image to `out`, or another in its stead; return whose it is, or -1."""
        started = time.perf_counter()
        image, reason = next(self._images)
        self.waited += time.perf_counter() - started
        while reason:
            self._stock.note(row, reason)
            row = self._stock.instead(row, self._replace)
            if row < 0:
                return row
            image, reason = self._here(row)
        out[:] = image
        self._stock.keep(row, image)
        return row

    def _here(self, row: int) -> tuple[Pixels, str]:
        taken = self._stock.take(row)
        try:
            data: Encoded = Path(taken).read_bytes() if isinstance(taken, str) else taken
        except OSError as error:
            data = error.strerror or str(error)
        pixels, reasons = decoded([data], self._terms)
        return pixels[0], reasons[0]
