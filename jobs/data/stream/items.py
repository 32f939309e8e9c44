"""Where the encoded images of a listing come from while it is streamed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.data.dataset import Indices
from jobs.data.image_folder import FolderListing
from jobs.data.parquet import ParquetListing, fields

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
        return np.arange(len(self._listing.files), dtype=np.int64)

    def name(self, index: int) -> str:
        """Return the file's path under the root."""
        return self._listing.files[index].relative_to(self._listing.root).as_posix()

    def spots(self, indices: Indices) -> pa.Table:
        """Return the files' paths."""
        none = np.full(len(indices), -1, dtype=np.int32)
        return pa.table([[self.take(index) for index in indices], none, none], schema=SPOTS)

    def begin(self, indices: Indices) -> None:
        """Nothing is kept."""

    def take(self, index: int) -> str:
        """Return the file's path."""
        return str(self._listing.files[index].absolute())

    def passed(self, position: int) -> None:
        """Nothing is kept."""


class ParquetItems:
    """Row groups: each is read once in a walk, and kept from its first row to its last."""

    def __init__(self, listing: ParquetListing) -> None:
        self._listing = listing
        places, sizes = _row_groups(listing.files)
        self._places = places
        self._starts = np.cumsum([0, *sizes])
        self._kept: dict[int, pa.Array] = {}
        self._lasts: list[tuple[int, int]] = []

    def groups(self) -> Indices:
        """Return the row group of every row, counted over all files."""
        return np.repeat(np.arange(len(self._places)), np.diff(self._starts))

    def name(self, index: int) -> str:
        """Return file and row."""
        file, _ = self._places[self._group(index)]
        first = next(g for g, (other, _) in enumerate(self._places) if other == file)
        return f"{file.name} row {index - self._starts[first]}"

    def spots(self, indices: Indices) -> pa.Table:
        """Return file, row group, and row in the group."""
        groups = np.searchsorted(self._starts, indices, side="right") - 1
        places = [self._places[group] for group in groups]
        files = [str(file.absolute()) for file, _ in places]
        rows = (indices - self._starts[groups]).astype(np.int32)
        return pa.table([files, [number for _, number in places], rows], schema=SPOTS)

    def begin(self, indices: Indices) -> None:
        """Note the last position of every group, so that it can be let go behind it."""
        groups = np.searchsorted(self._starts, indices, side="right") - 1
        needed, from_end = np.unique(groups[::-1], return_index=True)
        lasts = len(groups) - 1 - from_end
        self._lasts = sorted(zip(lasts.tolist(), needed.tolist(), strict=True), reverse=True)
        self._kept.clear()

    def take(self, index: int) -> bytes:
        """Return a row's bytes, from memory where its group is there."""
        group = self._group(index)
        if group not in self._kept:
            self._kept[group] = self._read(group)
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
        return read_group(*self._places[group], self._listing.image_column)


def read_group(file: str | Path, number: int, column: str) -> pa.Array:
    """Return the images of one row group. OSError, pa.ArrowException: it cannot be read."""
    with pq.ParquetFile(file) as reader:
        table = reader.read_row_group(number, [column], use_threads=False)
    return table.column(0).combine_chunks()


def _row_groups(files: Iterable[Path]) -> tuple[list[tuple[Path, int]], list[int]]:
    """Return file and number of every row group, and its rows."""
    places, sizes = [], []
    for file in files:
        metadata = pq.read_metadata(file)
        for number in range(metadata.num_row_groups):
            places.append((file, number))
            sizes.append(metadata.row_group(number).num_rows)
    return places, sizes
