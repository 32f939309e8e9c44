"""Where the encoded images of a listing come from while it is streamed."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from compound.jobs.data.dataset import Indices
from compound.jobs.data.file_location import Place
from compound.jobs.data.image_folder import FolderListing
from compound.jobs.data.parquet import ParquetListing, fields
from compound.jobs.data.read_ahead import Expected, ahead

_GROUPS_AT_ONCE = 4
_GROUPS_AHEAD = 2
"""Row groups that are read before the walk has come to them, where reading takes its time."""

SPOTS = pa.schema([("file", pa.string()), ("group", pa.int32()), ("row", pa.int32())])
"""Where an image lies: in a file of its own (group -1), or a row of a row group of Parquet."""


class Items(Protocol):
    """Hands out encoded images by their place in a listing."""

    def groups(self) -> Indices:
        """Return which group each image of the listing is read with, int64 (N,)."""
        ...

    def name(self, index: int) -> str:
        """Return what people call an image."""
        ...

    def spots(self, indices: Indices) -> pa.Table:
        """Return where images lie, for a process that has no listing; see SPOTS."""
        ...

    def begin(self, indices: Indices) -> None:
        """Expect that images will be taken in this order, each position at most once."""
        ...

    def expect(self, indices: Indices) -> None:
        """Prepare for these, which will be taken next."""
        ...

    def take(self, index: int) -> bytes | str:
        """Return an image's bytes, or the path of its file. OSError: unreadable."""
        ...

    def passed(self, position: int) -> None:
        """Let go what no position after this one needs."""
        ...


class FolderItems:
    """Files: the decoding processes read them."""

    def __init__(self, listing: FolderListing) -> None:
        self._listing = listing

    def groups(self) -> Indices:
        """Every file is a group of its own."""
        return np.arange(len(self._listing.names), dtype=np.int64)

    def name(self, index: int) -> str:
        """Return the file's path under the root."""
        return self._listing.names[index]

    def spots(self, indices: Indices) -> pa.Table:
        """Return the files' addresses."""
        none = np.full(len(indices), -1, dtype=np.int32)
        return pa.table([[self._address(index) for index in indices], none, none], schema=SPOTS)

    def begin(self, indices: Indices) -> None:
        """Nothing is kept."""

    def expect(self, indices: Indices) -> None:
        """Nothing is read here."""

    def take(self, index: int) -> bytes | str:
        """Return the file's path."""
        return self._address(index)

    def passed(self, position: int) -> None:
        """Nothing is kept."""

    def _address(self, index: int) -> str:
        return self._listing.place.address(self._listing.names[index])


class FarItems(FolderItems):
    """Files that take their time: read here, several at once, before they are taken."""

    def __init__(self, listing: FolderListing) -> None:
        super().__init__(listing)
        self._expected = Expected(self._read, listing.place.at_once)

    def begin(self, indices: Indices) -> None:
        """Drop what an earlier walk expected."""
        self._expected.begin()

    def expect(self, indices: Indices) -> None:
        """Begin to read these."""
        self._expected.expect(indices.tolist())

    def take(self, index: int) -> bytes | str:
        """Return the file's bytes; its address where there is no such file any more."""
        try:
            return self._expected.take(index)
        except FileNotFoundError:
            return self._address(index)

    def _read(self, index: int) -> bytes:
        return self._listing.place.read(self._listing.names[index])


class ParquetItems:
    """Row groups: each is read once in a walk, and kept from its first row to its last."""

    def __init__(self, listing: ParquetListing) -> None:
        self._listing = listing
        places, sizes = _row_groups(listing.place, listing.names)
        self._places = places
        self._starts = np.cumsum([0, *sizes])
        self._kept: dict[int, pa.Array] = {}
        self._lasts: list[tuple[int, int]] = []
        self._turns: Indices = np.empty(0, dtype=np.int64)
        self._expected = Expected(self._read, _GROUPS_AT_ONCE)

    def groups(self) -> Indices:
        """Return the row group of every row, counted over all files."""
        return np.repeat(np.arange(len(self._places)), np.diff(self._starts))

    def name(self, index: int) -> str:
        """Return file and row."""
        file, _ = self._places[self._group(index)]
        first = next(g for g, (other, _) in enumerate(self._places) if other == file)
        return f"{file} row {index - self._starts[first]}"

    def spots(self, indices: Indices) -> pa.Table:
        """Return file, row group, and row in the group."""
        groups = np.searchsorted(self._starts, indices, side="right") - 1
        places = [self._places[group] for group in groups]
        files = [self._listing.place.address(file) for file, _ in places]
        rows = (indices - self._starts[groups]).astype(np.int32)
        return pa.table([files, [number for _, number in places], rows], schema=SPOTS)

    def begin(self, indices: Indices) -> None:
        """Note where every group begins and ends, to read it in time and let it go behind it."""
        groups = np.searchsorted(self._starts, indices, side="right") - 1
        needed, firsts = np.unique(groups, return_index=True)
        self._turns = needed[np.argsort(firsts)]
        self._expected.begin()
        needed, from_end = np.unique(groups[::-1], return_index=True)
        lasts = len(groups) - 1 - from_end
        self._lasts = sorted(zip(lasts.tolist(), needed.tolist(), strict=True), reverse=True)
        self._kept.clear()

    def expect(self, indices: Indices) -> None:
        """Begin to read the groups of these, and the next ones, where it takes its time."""
        if self._listing.place.at_once == 1:
            return
        groups = np.unique(np.searchsorted(self._starts, indices, side="right") - 1)
        turns = np.flatnonzero(np.isin(self._turns, groups))
        end = int(turns.max(initial=-1)) + 1 + _GROUPS_AHEAD
        coming = self._turns[turns.min(initial=end) : end].tolist()
        self._expected.expect(group for group in coming if group not in self._kept)

    def take(self, index: int) -> bytes:
        """Return a row's bytes, from memory where its group is there."""
        group = self._group(index)
        if group not in self._kept:
            self._kept[group] = self._expected.take(group)
        row = self._kept[group].slice(index - int(self._starts[group]), 1)
        (data,) = fields(row)[1]
        return data or b""

    def passed(self, position: int) -> None:
        """Let go of the groups whose last row has been taken."""
        while self._lasts and self._lasts[-1][0] <= position:
            self._kept.pop(self._lasts.pop()[1], None)

    def _group(self, index: int) -> int:
        return int(np.searchsorted(self._starts, index, side="right")) - 1

    def _read(self, group: int) -> pa.Array:
        return read_group(self._listing.place, *self._places[group], self._listing.image_column)


def read_group(place: Place, name: str, number: int, column: str) -> pa.Array:
    """Return the images of one row group. OSError, pa.ArrowException: it cannot be read."""
    with place.opened(name) as file, pq.ParquetFile(file) as reader:
        table = reader.read_row_group(number, [column], use_threads=False)
    return table.column(0).combine_chunks()


def _row_groups(place: Place, names: Sequence[str]) -> tuple[list[tuple[str, int]], list[int]]:
    """Return file and number of every row group, and its rows."""
    places, sizes = [], []
    for name, rows in zip(names, ahead(partial(_rows, place), names, place.at_once), strict=True):
        places += [(name, number) for number in range(len(rows))]
        sizes += rows
    return places, sizes


def _rows(place: Place, name: str) -> list[int]:
    with place.opened(name) as file:
        metadata = pq.read_metadata(file)
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
