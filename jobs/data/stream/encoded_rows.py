"""The images of both splits as rows: training images first, then those held out."""

import errno
import logging

import numpy as np
import pyarrow as pa

from compound.jobs.data.dataset import Indices, Labels, Pixels
from compound.jobs.data.encoded import Choice, Part
from compound.jobs.data.image_folder import FolderListing
from compound.jobs.data.parquet import ParquetListing
from compound.jobs.data.stream.disk_cache import BAD, GOOD, RawCache
from compound.jobs.data.stream.encoded_source import (
    SPOTS,
    FarItems,
    FolderItems,
    Items,
    ParquetItems,
)
from compound.schemas.errors import DataError

_log = logging.getLogger(__name__)


class EncodedRows:
    """Encoded images by row, what is known of each, and the pixels that a cache has."""

    def __init__(self, choice: Choice, cache: RawCache | None) -> None:
        self._choice, self._cache = choice, cache
        self.train, self.held_out = len(choice.train.indices), len(choice.validation.indices)
        self.labels: Labels = np.concatenate([choice.train.labels, choice.validation.labels])
        self._items = [items_of(choice.train), items_of(choice.validation)]
        self._bad: dict[int, str] = {}

    def groups(self) -> Indices:
        """Return which group each training image is read with, int64 (train,)."""
        return self._items[0].groups()[self._choice.train.indices]

    def spots(self, rows: Indices) -> pa.Table:
        """Return where the images of rows lie, all of one split; see items.SPOTS."""
        if not len(rows):
            return SPOTS.empty_table()
        items, offset, indices = self._place(int(rows[0]))
        return items.spots(indices[rows - offset])

    def begin(self, rows: Indices) -> None:
        """Expect to take these rows, all of one split, in this order."""
        if len(rows):
            items, offset, indices = self._place(int(rows[0]))
            items.begin(indices[rows - offset])

    def expect(self, rows: Indices) -> None:
        """Prepare for these rows, all of one split, which will be taken next."""
        if len(rows):
            items, offset, indices = self._place(int(rows[0]))
            items.expect(indices[rows - offset])

    def take(self, row: int) -> bytes | str:
        """Return a row's encoded bytes, or the path of its file."""
        items, offset, indices = self._place(row)
        return items.take(int(indices[row - offset]))

    def passed(self, row: int, position: int) -> None:
        """Let go of what only positions up to this one of the walk through `row` needed."""
        self._place(row)[0].passed(position)

    def name(self, row: int) -> str:
        """Return what people call a row's image."""
        items, offset, indices = self._place(row)
        return items.name(int(indices[row - offset]))

    def settled(self, rows: Indices, replace: bool) -> Indices:
        """Return the rows with those known as bad replaced by the next good one, or else by -1."""
        if self._cache:
            for row in rows[self._cache.status[rows] == BAD].tolist():
                self.note(row, "could not be decoded before")
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

    def note(self, row: int, reason: str) -> None:
        """Remember a bad image. DataError: there are more than `max_bad` allows."""
        if row in self._bad:
            return
        self._bad[row] = f"{self.name(row)}: {reason}"
        _log.warning("left out: %s", self._bad[row])
        if self._cache:
            self._cache.bad(row)
        self._choice.check_bad(tuple(self._bad.values()))

    def cached(self, rows: Indices) -> Indices:
        """Return at which places of `rows` the cache has pixels."""
        if self._cache is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero((rows >= 0) & (self._cache.status[rows] == GOOD))

    def read(self, rows: Indices, out: Pixels) -> None:
        """Copy pixels that the cache has."""
        assert self._cache is not None
        self._cache.read(rows, out)

    def keep(self, row: int, pixels: Pixels) -> None:
        """Give a row's pixels to the cache; a full disk ends it, with a warning."""
        if self._cache is None or self._cache.status[row]:
            return
        try:
            self._cache.write(row, pixels)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._cache.discard()
            _log.warning("no cache of decoded images any more: %s", error.strerror)
            self._cache = None

    def seal(self) -> None:
        """Make the cache valid for good when it is whole."""
        if self._cache:
            self._cache.seal()

    def _place(self, row: int) -> tuple[Items, int, Indices]:
        """Return where a row's image lies: the items, the split's first row, and its indices."""
        if row < self.train:
            return self._items[0], 0, self._choice.train.indices
        return self._items[1], self.train, self._choice.validation.indices


def items_of(part: Part) -> Items:
    """Return what reads the images of a split. DataError: its kind cannot be streamed."""
    if isinstance(part.listing, FolderListing):
        near = part.listing.place.at_once == 1
        return FolderItems(part.listing) if near else FarItems(part.listing)
    if isinstance(part.listing, ParquetListing):
        return ParquetItems(part.listing)
    raise DataError(f"{type(part.listing).__name__} cannot be streamed")
