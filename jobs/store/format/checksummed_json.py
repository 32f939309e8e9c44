"""Sealed JSON: a record with its schema version and the checksum of the file that holds it.

The file is one JSON object, `{"sha256": "...", "schema_version": 4, "kind": ..., "key": ...,
"content": ...}`. The hash covers every byte that follows its closing quote, so any flipped bit and
any cut shows. `key` is the place below the store's root that it was written for: a store can be
moved or copied as a whole, but a record that lies at another place is not read. Records of schemas
1 to 3 have no key.
"""

import hashlib
import re
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from compound.jobs.store.backend.files import DamagedError
from compound.jobs.store.format.schema_version import (
    KEYED_SINCE,
    MARKER,
    SCHEMA_VERSION,
    refuse_newer,
)
from compound.schemas.base import STORED
from compound.schemas.errors import NewerSchemaError

__all__ = ["DamagedError", "damaged", "intact", "seal", "sha256", "unseal", "version_of"]

_HEAD = b'{"sha256": "'
_HEX = 64
_VERSION = re.compile(rb'", "schema_version": (\d{1,9}), ')
"""What follows the hash in a record of any schema."""
_FIELDS = re.compile(
    rb'", "schema_version": (\d{1,9}), "kind": "\w+"'
    rb'(?:, "key": "([\w./-]{1,1000})")?(?:, "number": (\d{1,18}))?, "content": '
)
_TAIL = b"}\n"
_HASHED = re.compile(r"(.+)-([0-9a-f]{16})\.[a-z.]+")

M = TypeVar("M", bound=BaseModel)


class MisplacedError(DamagedError):
    """A stored file was written whole, for another place."""


class Label(NamedTuple):
    """What a sealed record says of itself, before its content."""

    version: int
    key: str
    """Where it was written to, below the store's root; empty: it does not say."""
    number: int
    """Of the documents of a study: counts what was written there; 0: not counted."""


def seal(
    kind: str, content: BaseModel, key: str, *, number: int = 0, indent: int | None = None
) -> bytes:
    """Return the bytes of a record for a key; an empty key: for no place in a store."""
    fields = f'", "schema_version": {SCHEMA_VERSION}, "kind": "{kind}"'
    fields += f', "key": "{key}"' * bool(key) + f', "number": {number}' * bool(number)
    rest = f'{fields}, "content": {content.model_dump_json(indent=indent)}}}\n'.encode()
    return _HEAD + sha256(rest).encode() + rest


def unseal(data: bytes, cls: type[M], where: str, key: str | None) -> M:
    """Read the record of a key; of any place, for None.

    DamagedError; MisplacedError: it was written for another key; NewerSchemaError: a newer schema,
    or keys that this program does not know.
    """
    if not intact(data):
        raise damaged("its checksum does not match", where)
    refuse_newer(version_of(data), where)
    fields = _FIELDS.match(data, len(_HEAD) + _HEX)
    if not fields or not data.endswith(_TAIL):
        raise damaged("it is not a record", where)
    if key is not None and not belongs(label := label_of(data), key):
        raise misplaced(label.key, where)
    try:
        return cls.model_validate_json(data[fields.end() : -len(_TAIL)], context=STORED)
    except ValidationError as error:
        # Its checksum holds: a newer program wrote it, under the same number of the schema.
        if all(fault["type"] == "extra_forbidden" for fault in error.errors()):
            problem = f"a newer compound wrote it: this one does not know {_unknown(error)}"
            raise NewerSchemaError(problem, where=where, next_step="update compound") from error
        reason = _short(error)
        raise damaged(f"it cannot be read as {cls.__name__} ({reason})", where) from error


def intact(data: bytes) -> bool:
    """Whether these are the unchanged bytes of a sealed record of any schema."""
    start = len(_HEAD) + _HEX
    if not data.startswith(_HEAD):
        return False
    return data[len(_HEAD) : start] == sha256(memoryview(data)[start:]).encode()


def label_of(data: bytes) -> Label:
    """Return what a sealed record says of itself; schema 0 for bytes that are no record."""
    fields = _FIELDS.match(data, len(_HEAD) + _HEX)
    if not fields:
        return Label(0, "", 0)
    return Label(int(fields[1]), (fields[2] or b"").decode(), int(fields[3] or 0))


def version_of(data: bytes) -> int:
    """Return the schema that a sealed record was written with; 0 for bytes that are none."""
    match = _VERSION.match(data, len(_HEAD) + _HEX)
    return int(match[1]) if match else 0


def belongs(label: Label, key: str) -> bool:
    """Whether a record was written for a key: those of schemas 1 to 3 do not say."""
    unsaid = label.version < KEYED_SINCE or key == MARKER
    return label.key == key or (unsaid and not label.key)


def damaged(reason: str, where: str) -> DamagedError:
    """Return the error of a file that cannot be trusted."""
    advice = "restore the file from a copy, or move it away and run the same command again"
    return DamagedError(f"the file is damaged: {reason}", where=where, next_step=advice)


def misplaced(key: str, where: str) -> MisplacedError:
    """Return the error of a file that was written for another place."""
    advice = "move it back there, or away; nothing reads it here"
    problem = f"the file is misplaced: it was written as {key or 'no file of a study or job'}"
    return MisplacedError(problem, where=where, next_step=advice)


def sha256(data: bytes | memoryview) -> str:
    """Return the hash in 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def hashed_key(stem: str, data: bytes, suffix: str) -> str:
    """Return the key of a file that no record names: STEM-HASH.SUFFIX, so that it proves itself.

    The hash covers the stem too: under another name, or in another folder, it does not fit.
    """
    return f"{stem}-{_hash_at(stem, data)}.{suffix}"


def has_its_hash(key: str, data: bytes) -> bool:
    """Whether a file has the content and the place of its key's hash.

    Schemas 1 to 3 hashed the content alone.
    """
    match = _HASHED.fullmatch(key)
    return match is not None and match[2] in (_hash_at(match[1], data), sha256(data)[:16])


def has_plain_hash(key: str, data: bytes) -> bool:
    """Whether a file was named as by schemas 1 to 3: its key's hash does not cover its place."""
    match = _HASHED.fullmatch(key)
    return match is not None and match[2] == sha256(data)[:16]


def _hash_at(stem: str, data: bytes) -> str:
    digest = hashlib.sha256(f"{stem}\n".encode())
    digest.update(data)
    return digest.hexdigest()[:16]


def _short(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _unknown(error: ValidationError) -> str:
    keys = {".".join(map(str, fault["loc"]))[:100] for fault in error.errors()}
    return ", ".join(sorted(keys)[:3])
