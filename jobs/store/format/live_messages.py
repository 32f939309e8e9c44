"""The lengths in a live stream's messages, checked before pyarrow reads by them.

A message is a mark, the length of its metadata, the metadata as a flatbuffer, then a body with the
buffers of the columns (https://arrow.apache.org/docs/format/Columnar.html, encapsulated message
format). pyarrow takes as much memory as a length says, and unpacks what is packed; a stream of ours
has no packed buffers.
"""

import struct

MARK = b"\xff\xff\xff\xff"
PREFIX = 8
"""Bytes before a message's metadata: the mark and a length."""

_RECORD_BATCH = 3
_TYPE, _HEADER, _BODY = 1, 2, 3
"""The fields of a message."""
_ROWS, _NODES, _BUFFERS, _COMPRESSION = 0, 1, 2, 3
"""The fields of a record batch."""
_PAIR, _OFFSET = struct.Struct("<qq"), struct.Struct("<I")
_SIGNED, _SHORT = struct.Struct("<i"), struct.Struct("<H")
_CHECKSUM, _CHECKSUM_BYTES = b"crc32:", 14
_NARROWEST = 4
"""Bytes of a row in the narrowest column."""


def sound_bytes(data: bytes, start: int) -> int:
    """Return the offset, from `start` on, up to which all messages have lengths that fit."""
    # The messages of a stream differ in their checksums alone, so few are looked at closely.
    bodies: dict[bytes, int] = {}
    while data.startswith(MARK, start):
        length = int.from_bytes(data[start + 4 : start + PREFIX], "little")
        metadata = data[start + PREFIX : start + PREFIX + length]
        common = _without_checksum(metadata)
        if common not in bodies:
            bodies[common] = _body_bytes(metadata)
        end = start + PREFIX + length + bodies[common]
        if bodies[common] < 0 or end > len(data):
            break
        start = end
    return start


def _without_checksum(metadata: bytes) -> bytes:
    at = metadata.find(_CHECKSUM)
    return metadata if at < 0 else metadata[:at] + metadata[at + _CHECKSUM_BYTES :]


def _body_bytes(metadata: bytes) -> int:
    """Return the bytes of the body that follows; -1 where its parts do not lie within it."""
    try:
        (message,) = _OFFSET.unpack_from(metadata)
        body = _number(metadata, message, _BODY, "<q")
        if _number(metadata, message, _TYPE, "<B") != _RECORD_BATCH:
            return -1
        batch = _target(metadata, message, _HEADER)
        return body if _lies_within(metadata, batch, body) else -1
    except (struct.error, ValueError):
        return -1


def _lies_within(metadata: bytes, batch: int, body: int) -> bool:
    """Whether the rows and the buffers of a record batch are within its body, and not packed."""
    rows = _number(metadata, batch, _ROWS, "<q")
    if _field_offset(metadata, batch, _COMPRESSION) or not 0 <= rows <= body // _NARROWEST:
        return False
    if any(length != rows for length, _ in _pairs(metadata, batch, _NODES)):
        return False
    buffers = _pairs(metadata, batch, _BUFFERS)
    return all(0 <= at <= body and 0 <= size <= body - at for at, size in buffers)


def _field_offset(metadata: bytes, table: int, field: int) -> int:
    """Return the offset of a table's field; 0 if it is left out, as a number that is 0 is."""
    top = table - _SIGNED.unpack_from(metadata, table)[0]
    if top < 0:
        raise ValueError("an offset before the metadata")
    at = 4 + 2 * field
    if at >= _SHORT.unpack_from(metadata, top)[0]:
        return 0
    offset = int(_SHORT.unpack_from(metadata, top + at)[0])
    return table + offset if offset else 0


def _number(metadata: bytes, table: int, field: int, form: str) -> int:
    at = _field_offset(metadata, table, field)
    return int(struct.unpack_from(form, metadata, at)[0]) if at else 0


def _target(metadata: bytes, table: int, field: int) -> int:
    """Return the offset of the table or vector that a field leads to."""
    at = _field_offset(metadata, table, field)
    if not at:
        raise ValueError("a field is left out")
    return at + int(_OFFSET.unpack_from(metadata, at)[0])


def _pairs(metadata: bytes, table: int, field: int) -> list[tuple[int, int]]:
    """Return a vector of structs of two int64."""
    vector = _target(metadata, table, field)
    (count,) = _OFFSET.unpack_from(metadata, vector)
    content = metadata[vector + 4 : vector + 4 + count * _PAIR.size]
    if len(content) != count * _PAIR.size:
        raise ValueError("a vector that is cut off")
    return [(first, second) for first, second in _PAIR.iter_unpack(content)]
