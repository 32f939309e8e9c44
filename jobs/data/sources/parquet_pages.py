"""The headers of a column's pages in Parquet: how many bytes each page unpacks to.

A footer may say less than the pages do, and pyarrow takes as much memory as a page's header says.
The headers are Thrift's compact protocol (https://parquet.apache.org/docs/file-format/data-pages).
"""

import os
from typing import NamedTuple

_HEAD, _LONG_HEAD = 2**12, 2**20
"""Bytes that a header has nearly always, and at most: it may have the smallest value in it."""
_DICTIONARY = 2
_TYPE, _UNPACKED, _PACKED = 1, 2, 3
"""The fields of a page's header."""
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_NUMBERS = (4, 5, 6)
_DEEPEST = 8


class ColumnPages(NamedTuple):
    """What the pages of one column of one row group unpack to."""

    packed: int
    unpacked: int
    """Bytes of all pages."""
    dictionary: int
    """Bytes of those that hold a dictionary, whose entries may be repeated without end."""


def column_pages(handle: int, start: int, size: int, most: int) -> ColumnPages:
    """Read the headers of the pages in `size` bytes of an open file, from an offset on.

    It stops once they unpack to more than `most` bytes. ValueError: they are not pages.
    """
    at, unpacked, dictionary = start, 0, 0
    while at < start + size and unpacked <= most:
        page, length = _header(handle, at, start + size - at)
        at += length + page[_PACKED]
        unpacked += page[_UNPACKED]
        dictionary += page[_UNPACKED] if page[_TYPE] == _DICTIONARY else 0
    return ColumnPages(size, unpacked, dictionary)


def _header(handle: int, at: int, room: int) -> tuple[dict[int, int], int]:
    """Return the numbers in a page's header by their fields, and its length."""
    for size in (_HEAD, _LONG_HEAD):
        try:
            numbers, length = _read_struct(os.pread(handle, min(size, room), at), 0)
        except IndexError:
            continue  # it is longer
        if min(numbers.get(_PACKED, -1), numbers.get(_UNPACKED, -1), numbers.get(_TYPE, -1)) < 0:
            break
        return numbers, length
    raise ValueError(f"no page begins at byte {at:,}")


def _read_struct(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, int], int]:
    """Return a struct's numbers by their fields, and where it ends. IndexError: it is cut off."""
    if depth > _DEEPEST:
        raise ValueError("structs within structs without end")
    numbers: dict[int, int] = {}
    field = 0
    while data[at]:
        step, kind = data[at] >> 4, data[at] & 15
        at += 1
        if step:
            field += step
        else:
            coded, at = _varint(data, at)
            field = _signed(coded)
        if kind in _NUMBERS:
            coded, at = _varint(data, at)
            numbers[field] = _signed(coded)
        else:
            at = _skipped(data, at, kind, depth)
    return numbers, at + 1


def _skipped(data: bytes, at: int, kind: int, depth: int) -> int:
    """Return where a value that is no number ends."""
    if kind in (_TRUE, _FALSE):
        return at
    if kind == _BINARY:
        length, at = _varint(data, at)
        return at + length
    if kind == _STRUCT:
        return _read_struct(data, at, depth + 1)[1]
    if kind in (_BYTE, _DOUBLE):
        return at + (1 if kind == _BYTE else 8)
    raise ValueError("a kind of value that no page header has")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number that is too long")


def _signed(coded: int) -> int:
    return (coded >> 1) ^ -(coded & 1)
