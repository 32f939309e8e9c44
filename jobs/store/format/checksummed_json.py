"""Sealed JSON: a record with its schema version and the checksum of the file that holds it.

The file is one JSON object, `{"sha256": "...", "schema_version": 3, "kind": ..., "content": ...}`.
The hash covers every byte that follows its closing quote, so any flipped bit and any cut shows.
"""

import hashlib
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from compound.jobs.store.backend.files import DamagedError
from compound.jobs.store.format.schema_version import SCHEMA_VERSION, refuse_newer
from compound.schemas.base import STORED

__all__ = ["DamagedError", "damaged", "intact", "seal", "sha256", "unseal", "version_of"]

_HEAD = b'{"sha256": "'
_HEX = 64
_FIELDS = re.compile(rb'", "schema_version": (\d{1,9}), "kind": "\w+", "content": ')
_TAIL = b"}\n"

M = TypeVar("M", bound=BaseModel)


def seal(kind: str, content: BaseModel, *, indent: int | None = None) -> bytes:
    """Return the bytes of a sealed record."""
    fields = f'", "schema_version": {SCHEMA_VERSION}, "kind": "{kind}", "content": '
    rest = f"{fields}{content.model_dump_json(indent=indent)}}}\n".encode()
    return _HEAD + sha256(rest).encode() + rest


def unseal(data: bytes, cls: type[M], where: str) -> M:
    """Read a sealed record; DamagedError, or StoreError for one of a newer schema."""
    if not intact(data):
        raise damaged("its checksum does not match", where)
    fields = _FIELDS.match(data, len(_HEAD) + _HEX)
    if not fields or not data.endswith(_TAIL):
        raise damaged("it is not a record", where)
    refuse_newer(int(fields[1]), where)
    try:
        return cls.model_validate_json(data[fields.end() : -len(_TAIL)], context=STORED)
    except ValidationError as error:
        reason = _short(error)
        raise damaged(f"it cannot be read as {cls.__name__} ({reason})", where) from error


def intact(data: bytes) -> bool:
    """Whether these are the unchanged bytes of a sealed record of any schema."""
    start = len(_HEAD) + _HEX
    if not data.startswith(_HEAD):
        return False
    return data[len(_HEAD) : start] == sha256(memoryview(data)[start:]).encode()


def version_of(data: bytes) -> int:
    """Return the schema that a sealed record was written with; 0 for bytes that are none."""
    fields = _FIELDS.match(data, len(_HEAD) + _HEX)
    return int(fields[1]) if fields else 0


def damaged(reason: str, where: str) -> DamagedError:
    """Return the error of a file that cannot be trusted."""
    advice = "restore the file from a copy, or move it away and run the same command again"
    return DamagedError(f"the file is damaged: {reason}", where=where, next_step=advice)


def sha256(data: bytes | memoryview) -> str:
    """Return the hash in 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def _short(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
