"""Parquet files, opened with limits: a file of kilobytes may unpack to any number of gigabytes.

What a footer says is checked before anything is unpacked, on disk the headers of the pages as well.
A value in a dictionary may be repeated without end: such columns are decoded in batches that stay
small whatever they repeat.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from compound.jobs.data.listing.file_location import FileLocation
from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.data.listing.wrong_path import step_to_parquet
from compound.jobs.data.sources.parquet_pages import ColumnPages, column_pages
from compound.schemas.errors import DataError

UNPACKED_BYTES = 2**27
"""Bytes that any column of a row group may unpack to: 128 MiB."""
RATIO = 16
"""A column may unpack to more, if it is not more than so many times its packed bytes."""
FOOTER_BYTES = 2**26
ROWS = 2**20
"""Rows that any file may have; more, if it has at least as many bytes."""

_BATCH, _LONG_BATCH = 2**10, 2**16
"""Rows that are decoded at a time: a whole row group may hold gigabytes of images. More where all
of them are kept."""
_END = 8
"""Bytes after the footer: its length and the mark."""


@dataclass(frozen=True)
class LimitedParquet:
    """An open file, and what its columns may unpack to."""

    reader: pq.ParquetFile
    where: str
    size: int
    """Bytes of the file."""
    handle: int | None
    """The descriptor of a file on disk; None in a bucket, where each read is a request."""

    def batches(self, group: int, column: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one column of a row group, some at a time.

        DataError: they unpack to too much.
        """
        pages = self._checked(group, column)
        yield from self._decoded([group], column, _rows_at_once(_BATCH, pages.dictionary))

    def group(self, number: int, column: str) -> pa.ChunkedArray:
        """Return one column of a row group. DataError: it unpacks to too much."""
        pages = self._checked(number, column)
        rows = _rows_at_once(_LONG_BATCH, pages.dictionary)
        most = allowed(pages.packed) if pages.dictionary else None
        return self._joined(self._decoded([number], column, rows, most), column)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of all row groups. DataError: it unpacks to too much."""
        groups = list(range(self.reader.num_row_groups))
        largest = max((self._checked(group, name).dictionary for group in groups), default=0)
        rows = _rows_at_once(_LONG_BATCH, largest)
        return self._joined(self._decoded(groups, name, rows, allowed(self.size)), name)

    def _decoded(
        self, groups: list[int], column: str, rows: int, most: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of so many rows; DataError: together they have more than `most` bytes."""
        unpacked = 0
        # One column has no work for Arrow's pool of threads, which would take cores from the
        # decoding processes.
        for batch in self.reader.iter_batches(
            rows, row_groups=groups, columns=[column], use_threads=False
        ):
            unpacked += batch.nbytes
            if most is not None and unpacked > most:
                raise self._too_much(column, unpacked)
            yield batch

    def _joined(self, batches: Iterator[pa.RecordBatch], column: str) -> pa.ChunkedArray:
        parts = [batch.column(0) for batch in batches]
        kind = parts[0].type if parts else self.reader.schema_arrow.field(column).type
        return pa.chunked_array(parts, kind)

    def _checked(self, group: int, column: str) -> ColumnPages:
        """Return what a column is. DataError: it unpacks to too much."""
        # A column without values has no pages.
        chunks = [c for c in _chunks(self.reader.metadata.row_group(group), column) if c.num_values]
        pages = [self._pages(chunk, int(chunk.total_compressed_size)) for chunk in chunks]
        for page in pages:
            if page.unpacked > allowed(page.packed):
                raise self._too_much(column, page.unpacked)
        return ColumnPages(
            sum(page.packed for page in pages),
            sum(page.unpacked for page in pages),
            sum(page.dictionary for page in pages),
        )

    def _pages(self, chunk: Any, size: int) -> ColumnPages:
        stated, varies = int(chunk.total_uncompressed_size), chunk.physical_type == "BYTE_ARRAY"
        if self.handle is None or stated > allowed(size):
            dictionary = stated if varies and chunk.has_dictionary_page else 0
            return ColumnPages(size, stated, dictionary)
        try:
            pages = column_pages(self.handle, _start(chunk), size, allowed(size))
        except ValueError as error:
            # As pyarrow says of damaged pages: those who read images count these as bad.
            raise OSError(f"{chunk.path_in_schema}: {error}") from None
        # Numbers of a fixed width take as much room in a dictionary as elsewhere.
        return pages if varies else pages._replace(dictionary=0)

    def _too_much(self, column: str, unpacked: int) -> DataError:
        return DataError(
            f"column {column!r} unpacks to {unpacked:,} bytes or more, in a file of {self.size:,}",
            where=self.where,
            allowed=f"{UNPACKED_BYTES:,} bytes, or {RATIO} times what is packed",
            next_step="if it is your own, write it with fewer rows in a row group, and images as "
            "PNG or JPEG",
        )


def allowed(packed: int) -> int:
    """Return the bytes that so many packed bytes may unpack to."""
    return max(UNPACKED_BYTES, RATIO * packed)


@contextmanager
def opened_parquet(location: FileLocation, name: str) -> Iterator[LimitedParquet]:
    """Open a file. DataError: it claims too much; OSError, pa.ArrowException: it is no Parquet."""
    where = as_utf8(location.address(name))
    with location.opened(name) as file:
        size = file.seek(0, os.SEEK_END)
        handle = file.fileno() if location.parallel_reads == 1 else None
        if handle is not None:
            _check_footer(handle, size, where)
        with pq.ParquetFile(file) as reader:
            yield LimitedParquet(reader, where, size, handle)


def check_claims(parquet: LimitedParquet) -> None:
    """Raise DataError where a file on disk has far more rows or bytes than what is in it."""
    if parquet.handle is None:
        return
    size, metadata = parquet.size, parquet.reader.metadata
    if metadata.num_rows > max(ROWS, size):
        raise no_parquet(parquet.where, f"{metadata.num_rows:,} rows in {size:,} bytes")
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    named = sum(
        group.column(index).total_compressed_size
        for group in groups
        for index in range(group.num_columns)
    )
    if size > 2 * named + FOOTER_BYTES:
        problem = f"it has {size:,} bytes, of which its footer names {named:,}"
        raise no_parquet(parquet.where, problem)


def _check_footer(handle: int, size: int, where: str) -> None:
    length = int.from_bytes(os.pread(handle, 4, max(0, size - _END)), "little")
    if size > FOOTER_BYTES < length:
        problem = f"its footer would have {length:,} bytes, more than {FOOTER_BYTES:,}"
        raise no_parquet(where, problem)


def no_parquet(where: str, problem: str) -> DataError:
    """Return the error of a file that no Parquet can be read from."""
    # Arrow's own words name its functions and the bytes of the format.
    reason = "it has no Parquet in it" if "magic bytes" in problem else problem
    return DataError(
        f"not a readable Parquet file: {reason}",
        where=where,
        next_step=step_to_parquet(where, "write or download it again, or name another file"),
    )


def _rows_at_once(most: int, dictionary: int) -> int:
    """Return how many rows have at most UNPACKED_BYTES, if each is a whole dictionary."""
    return max(1, min(most, UNPACKED_BYTES // max(1, dictionary)))


def _chunks(group: Any, column: str) -> Iterator[Any]:
    for index in range(group.num_columns):
        chunk = group.column(index)
        if chunk.path_in_schema == column or chunk.path_in_schema.startswith(f"{column}."):
            yield chunk


def _start(chunk: Any) -> int:
    """Return where a column begins, as pyarrow finds it: with its dictionary, if it has one."""
    first, dictionary = int(chunk.data_page_offset), chunk.dictionary_page_offset
    return min(first, int(dictionary)) if dictionary else first
