"""The images of both splits as rows: training images first, then those held out."""

import errno
import logging

import numpy as np
import pyarrow as pa

from compound.jobs.data.sources.catalogue import Part
from compound.jobs.data.sources.dataset import Indices, Labels, Pixels
from compound.jobs.data.sources.encoded import Choice
from compound.jobs.data.sources.file_listing import FileListing
from compound.jobs.data.sources.parquet import ParquetListing
from compound.jobs.data.stream.disk_cache import BAD, GOOD, RawCache
from compound.jobs.data.stream.encoded_source import (
    SPOTS,
    EncodedImages,
    FolderImages,
    ParquetImages,
    PrefetchedFolderImages,
)
from compound.schemas.errors import DataError

_log = logging.getLogger(__name__)


class EncodedRows:
    """Encoded images by row, the rows that are bad, and the pixels that a cache has."""

    def __init__(self, choice: Choice, cache: RawCache | None) -> None:
        self._choice, self._cache = choice, cache
        self.train, self.held_out = len(choice.train.indices), len(choice.validation.indices)
        self.labels: Labels = np.concatenate([choice.train.labels, choice.validation.labels])
        self._images = [images_of(choice.train), images_of(choice.validation)]
        self._bad: dict[int, str] = {}

    def groups(self) -> Indices:
        """Return which group each training image is read with, int64 (train,)."""
        return self._images[0].groups()[self._choice.train.indices]

    def spots(self, rows: Indices) -> pa.Table:
        """Return where the images of rows are, all of one split; see encoded_source.SPOTS."""
        if not len(rows):
            return SPOTS.empty_table()
        images, offset, indices = self._locate(int(rows[0]))
        return images.spots(indices[rows - offset])

    def begin(self, rows: Indices) -> None:
        """Announce that these rows, all of one split, will be taken in this order."""
        if len(rows):
            images, offset, indices = self._locate(int(rows[0]))
            images.begin(indices[rows - offset])

    def expect(self, rows: Indices) -> None:
        """Start to read these rows, all of one split, which will be taken next."""
        if len(rows):
            images, offset, indices = self._locate(int(rows[0]))
            images.expect(indices[rows - offset])

    def take(self, row: int) -> bytes | str:
        """Return a row's encoded bytes, or the path of its file."""
        images, offset, indices = self._locate(row)
        return images.take(int(indices[row - offset]))

    def passed(self, row: int, position: int) -> None:
        """Free what no position after this one needs, in the split of `row`."""
        self._locate(row)[0].passed(position)

    def name(self, row: int) -> str:
        """Return the name of a row's image in messages."""
        images, offset, indices = self._locate(row)
        return images.name(int(indices[row - offset]))

    def settled(self, rows: Indices, replace: bool) -> Indices:
        """Return the rows; a bad one becomes the next good one with `replace`, else -1."""
        # Where it is known which images are left out, a decoder may have been installed since.
        if self._cache and not self._choice.is_settled:
            for row in rows[self._cache.status[rows] == BAD].tolist():
                self.mark_bad(row, "could not be decoded before")
        if not self._bad:
            return rows
        return np.array([self.instead(row, replace) for row in rows.tolist()], dtype=np.int64)

    def instead(self, row: int, replace: bool) -> int:
        """Return the row itself, or if it is bad the next training row that is not, or -1."""
        while row in self._bad:
            if not replace:
                return -1
            row = (row + 1) % self.train
        return row

    def mark_bad(self, row: int, reason: str) -> None:
        """Remember a bad image. DataError: see `Choice.check_bad`."""
        if row in self._bad:
            return
        self._bad[row] = f"{self.name(row)}: {reason}"
        _log.warning("left out: %s", self._bad[row])
        self._choice.check_bad(tuple(self._bad.values()))
        if self._cache:
            self._cache.bad(row)

    def cached(self, rows: Indices) -> Indices:
        """Return the positions in `rows` whose pixels the cache has."""
        if self._cache is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero((rows >= 0) & (self._cache.status[rows] == GOOD))

    def read(self, rows: Indices, out: Pixels) -> None:
        """Copy pixels that the cache has."""
        assert self._cache is not None
        self._cache.read(rows, out)

    def keep(self, row: int, pixels: Pixels) -> None:
        """Write a row's pixels to the cache; a full disk ends the cache, with a warning."""
        if self._cache is None or self._cache.status[row]:
            return
        try:
            self._cache.write(row, pixels)
        except OSError as error:
            # ENOSPC: the disk is full. EDQUOT: the quota of this user is.
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._cache.discard()
            _log.warning("decoded images are no longer cached: %s", error.strerror)
            self._cache = None

    def seal(self) -> None:
        """Mark the cache as complete where it has every row."""
        if self._cache:
            self._cache.seal()

    def _locate(self, row: int) -> tuple[EncodedImages, int, Indices]:
        """Return what reads a row: the images of its split, the first row, and the indices."""
        if row < self.train:
            return self._images[0], 0, self._choice.train.indices
        return self._images[1], self.train, self._choice.validation.indices


def images_of(part: Part) -> EncodedImages:
    """Return the reader of a split's images. DataError: its listing cannot be streamed."""
    if isinstance(part.listing, FileListing):
        local = part.listing.location.parallel_reads == 1
        return FolderImages(part.listing) if local else PrefetchedFolderImages(part.listing)
    if isinstance(part.listing, ParquetListing):
        return ParquetImages(part.listing)
    raise DataError(f"{type(part.listing).__name__} cannot be streamed")
