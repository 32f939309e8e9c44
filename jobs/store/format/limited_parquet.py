"""Parquet files of the store, opened with limits: kilobytes may claim to unpack to gigabytes.

The store's own files are packed with snappy, of which a byte makes 22 at most. A value in a
dictionary may be repeated without end, so columns of words are read as dictionaries, and their
length is multiplied before they are written out.
"""

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LINES = 2**24
"""Lines of a table: 800,000 epochs of 20 metrics."""
UNPACKED_BYTES = 2**29
"""Bytes that all columns together, or the words of one, unpack to: 512 MiB."""

_SNAPPY = 22
"""Bytes that snappy makes of one at most: 64 of a copy of 3 (its format_description.txt)."""
_CODECS = ("SNAPPY", "UNCOMPRESSED")


class LimitError(ValueError):
    """A file claims more than a file of the store has; the text says what."""


def limited_metadata(data: bytes) -> pq.FileMetaData:
    """Return a file's footer. LimitError: it claims too much; pa.ArrowException: no Parquet."""
    metadata = pq.read_metadata(pa.BufferReader(data))
    chunks = [*_chunks(metadata)]
    codecs = {str(chunk.compression) for chunk in chunks} - {*_CODECS}
    if codecs:
        raise LimitError(f"it is packed with {', '.join(sorted(codecs))}, not with snappy")
    lines = max([metadata.num_rows, *(chunk.num_values for chunk in chunks)], default=0)
    if not 0 <= lines <= LINES:
        raise LimitError(f"it claims {lines:,} lines, more than {LINES:,}")
    unpacked = sum(chunk.total_uncompressed_size for chunk in chunks)
    if not 0 <= unpacked <= UNPACKED_BYTES:
        raise LimitError(f"it claims to unpack to {unpacked:,} bytes, more than {UNPACKED_BYTES:,}")
    return metadata


def limited_table(data: bytes, metadata: pq.FileMetaData, as_words: Collection[str]) -> pa.Table:
    """Return all lines. LimitError: words that repeat unpack to too much.

    `as_words`: columns that stay dictionaries.
    """
    words = [*dict.fromkeys([*as_words, *_repeating(metadata)])]
    part = pq.ParquetFile(
        pa.BufferReader(data),
        metadata=metadata,
        page_checksum_verification=True,
        read_dictionary=words,
    )
    # A part has few rows: pyarrow's thread pool would cost more time than it saves.
    table = part.read(use_threads=False)
    for name in words:
        if name in table.column_names and name not in as_words:
            table = _written_out(table, name)
    return table


def _chunks(metadata: pq.FileMetaData) -> Iterator[Any]:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        yield from (group.column(index) for index in range(group.num_columns))


def _repeating(metadata: pq.FileMetaData) -> set[str]:
    """Return the columns with dictionaries of words that may come to too much in all lines."""
    return {
        str(chunk.path_in_schema)
        for chunk in _chunks(metadata)
        # No word is longer than all of its column. The packed size is that of the bytes that
        # pyarrow reads; the unpacked one is only claimed.
        if metadata.num_rows * _SNAPPY * chunk.total_compressed_size > UNPACKED_BYTES
        and chunk.physical_type == "BYTE_ARRAY"
        and chunk.has_dictionary_page
    }


def _written_out(table: pa.Table, name: str) -> pa.Table:
    """Return the table with a column's words in place of their numbers in the dictionary."""
    column, at = table[name], table.column_names.index(name)
    if not pa.types.is_dictionary(column.type):
        return table
    longest = max((_longest(chunk.dictionary) for chunk in column.chunks), default=0)
    if longest * table.num_rows > UNPACKED_BYTES:
        problem = f"column {name!r} has words of {longest:,} bytes in {table.num_rows:,} lines"
        raise LimitError(f"{problem}: more than {UNPACKED_BYTES:,} bytes")
    plain = column.cast(column.type.value_type)
    return table.set_column(at, table.schema.field(name).with_type(plain.type), plain)


def _longest(words: pa.Array) -> int:
    import pyarrow.compute as pc  # 40 ms to import, which reading states does not need

    return int(pc.max(pc.binary_length(words)).as_py() or 0)
