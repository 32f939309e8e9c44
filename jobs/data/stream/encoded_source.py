"""Readers of encoded images while a listing is streamed: from files, buckets and Parquet."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np
import pyarrow as pa

from compound.jobs.data.listing.file_location import FileLocation
from compound.jobs.data.listing.read_ahead import Prefetcher, read_ahead
from compound.jobs.data.sources.dataset import Indices
from compound.jobs.data.sources.file_listing import FileListing
from compound.jobs.data.sources.parquet import ParquetListing
from compound.jobs.data.sources.parquet_columns import fields
from compound.jobs.data.sources.parquet_file import opened_parquet

_PARALLEL_GROUPS = 4
_GROUPS_AHEAD = 2
"""Row groups that are read before they are needed, from a location with a long latency."""

# Binary: names of files on Linux are bytes, which need not be valid UTF-8.
SPOTS = pa.schema([("file", pa.binary()), ("group", pa.int32()), ("row", pa.int32())])
"""Where an image is: in a file of its own (group -1), or in a row of a row group of Parquet."""


class EncodedImages(Protocol):
    """Encoded images by their index in a listing."""

    def groups(self) -> Indices:
        """Return which group each image of the listing is read with, int64 (N,)."""
        ...

    def name(self, index: int) -> str:
        """Return the name of an image in messages."""
        ...

    def spots(self, indices: Indices) -> pa.Table:
        """Return where images are, for a process that has no listing; see SPOTS."""
        ...

    def begin(self, indices: Indices) -> None:
        """Announce the order in which images will be taken, each position at most once."""
        ...

    def expect(self, indices: Indices) -> None:
        """Start to read these images, which will be taken next."""
        ...

    def take(self, index: int) -> bytes | str:
        """Return an image's bytes, or the path of its file. OSError: unreadable."""
        ...

    def passed(self, position: int) -> None:
        """Free what no position after this one needs."""
        ...


class FolderImages:
    """Local files: the decoding processes read them."""

    def __init__(self, listing: FileListing) -> None:
        self._listing = listing

    def groups(self) -> Indices:
        """Return a group for every file."""
        return np.arange(len(self._listing.names), dtype=np.int64)

    def name(self, index: int) -> str:
        """Return the file's path under the root."""
        return self._listing.name(index)

    def spots(self, indices: Indices) -> pa.Table:
        """Return the files' addresses."""
        none = np.full(len(indices), -1, dtype=np.int32)
        files = [os.fsencode(self._address(index)) for index in indices]
        return pa.table([files, none, none], schema=SPOTS)

    def begin(self, indices: Indices) -> None:
        """Do nothing: no file is kept."""

    def expect(self, indices: Indices) -> None:
        """Do nothing: the decoding process reads the file."""

    def take(self, index: int) -> bytes | str:
        """Return the file's path."""
        return self._address(index)

    def passed(self, position: int) -> None:
        """Do nothing: no file is kept."""

    def _address(self, index: int) -> str:
        return self._listing.location.address(self._listing.names[index])


class PrefetchedFolderImages(FolderImages):
    """Files with a long latency: read in this process, several at a time, before they are taken."""

    def __init__(self, listing: FileListing) -> None:
        super().__init__(listing)
        self._prefetcher = Prefetcher(self._read, listing.location.parallel_reads)

    def begin(self, indices: Indices) -> None:
        """Cancel the reads of an earlier pass."""
        self._prefetcher.reset()

    def expect(self, indices: Indices) -> None:
        """Start to read these."""
        self._prefetcher.prefetch(indices.tolist())

    def take(self, index: int) -> bytes | str:
        """Return the file's bytes; its address where the file no longer exists."""
        try:
            return self._prefetcher.take(index)
        except FileNotFoundError:
            return self._address(index)

    def _read(self, index: int) -> bytes:
        return self._listing.location.read(self._listing.names[index])


class ParquetImages:
    """Row groups of Parquet: each is read once in a pass, and kept until its last row."""

    def __init__(self, listing: ParquetListing) -> None:
        self._listing = listing
        row_groups, sizes = _row_groups(listing.location, listing.names)
        self._row_groups = row_groups
        self._starts = np.cumsum([0, *sizes])
        self._loaded: dict[int, pa.Array] = {}
        self._lasts: list[tuple[int, int]] = []
        self._group_order: Indices = np.empty(0, dtype=np.int64)
        self._prefetcher = Prefetcher(self._read, _PARALLEL_GROUPS)

    def groups(self) -> Indices:
        """Return the row group of every row, counted over all files."""
        return np.repeat(np.arange(len(self._row_groups)), np.diff(self._starts))

    def name(self, index: int) -> str:
        """Return file and row."""
        file, _ = self._row_groups[self._group(index)]
        first = next(g for g, (name, _) in enumerate(self._row_groups) if name == file)
        return f"{file} row {index - self._starts[first]}"

    def spots(self, indices: Indices) -> pa.Table:
        """Return file, row group, and row in the group."""
        groups = np.searchsorted(self._starts, indices, side="right") - 1
        row_groups = [self._row_groups[group] for group in groups]
        files = [os.fsencode(self._listing.location.address(file)) for file, _ in row_groups]
        rows = (indices - self._starts[groups]).astype(np.int32)
        return pa.table([files, [number for _, number in row_groups], rows], schema=SPOTS)

    def begin(self, indices: Indices) -> None:
        """Note where every group begins and ends, to read it in time and free it afterwards."""
        groups = np.searchsorted(self._starts, indices, side="right") - 1
        needed, firsts = np.unique(groups, return_index=True)
        self._group_order = needed[np.argsort(firsts)]
        self._prefetcher.reset()
        needed, from_end = np.unique(groups[::-1], return_index=True)
        lasts = len(groups) - 1 - from_end
        self._lasts = sorted(zip(lasts.tolist(), needed.tolist(), strict=True), reverse=True)
        self._loaded.clear()

    def expect(self, indices: Indices) -> None:
        """Start to read the groups of these, and the next ones, where reads have a long latency."""
        if self._listing.location.parallel_reads == 1:
            return
        groups = np.unique(np.searchsorted(self._starts, indices, side="right") - 1)
        positions = np.flatnonzero(np.isin(self._group_order, groups))
        end = int(positions.max(initial=-1)) + 1 + _GROUPS_AHEAD
        coming = self._group_order[positions.min(initial=end) : end].tolist()
        self._prefetcher.prefetch(group for group in coming if group not in self._loaded)

    def take(self, index: int) -> bytes:
        """Return a row's bytes, from memory where its group is loaded."""
        group = self._group(index)
        if group not in self._loaded:
            self._loaded[group] = self._prefetcher.take(group)
        row = self._loaded[group].slice(index - int(self._starts[group]), 1)
        (data,) = fields(row)[1]
        return data or b""

    def passed(self, position: int) -> None:
        """Free the groups whose last row has been taken."""
        while self._lasts and self._lasts[-1][0] <= position:
            self._loaded.pop(self._lasts.pop()[1], None)

    def _group(self, index: int) -> int:
        return int(np.searchsorted(self._starts, index, side="right")) - 1

    def _read(self, group: int) -> pa.Array:
        file, number = self._row_groups[group]
        return read_group(self._listing.location, file, number, self._listing.image_column)


def read_group(location: FileLocation, name: str, number: int, column: str) -> pa.Array:
    """Return the images of one row group.

    OSError, pa.ArrowException: it cannot be read. DataError: it unpacks to too much.
    """
    with opened_parquet(location, name) as parquet:
        images = parquet.group(number, column)
    # Rows are sliced out one by one: a chunked array would search its chunks for each.
    return images.combine_chunks()


def _row_groups(
    location: FileLocation, names: Sequence[str]
) -> tuple[list[tuple[str, int]], list[int]]:
    """Return file and number of every row group, and its rows."""
    row_groups, sizes = [], []
    counts = read_ahead(partial(_rows, location), names, location.parallel_reads)
    for name, rows in zip(names, counts, strict=True):
        row_groups += [(name, number) for number in range(len(rows))]
        sizes += rows
    return row_groups, sizes


def _rows(location: FileLocation, name: str) -> list[int]:
    with opened_parquet(location, name) as parquet:
        metadata = parquet.reader.metadata
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
