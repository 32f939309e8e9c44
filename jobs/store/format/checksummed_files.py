"""Files that prove their bytes: the hash that a manifest keeps, and the reading that checks it.

Hashing bounds how fast a large file is written and read. So the hash of one is taken over pieces,
which several threads read and hash at once: the sha256 of the pieces' sha256s, one after another.
"""

import errno
import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from compound.jobs.store.backend.files import Content, Files
from compound.jobs.store.format.checksummed_json import damaged, sha256
from compound.jobs.store.format.manifest import StoredFile
from compound.schemas.errors import StoreError

PIECE = 1 << 20
"""Bytes that are hashed at once; a larger file is hashed in pieces."""

_THREADS = 8
"""At most; more gain nothing where memory or the disk is the bound."""


def described(key: str, content: Content) -> StoredFile:
    """Return a file's entry for the manifest."""
    if isinstance(content, bytes):
        content = (memoryview(content),)
    size = sum(len(part) for part in content)
    if size <= PIECE:
        return StoredFile(key=key, size=size, sha256=sha256(b"".join(content)))
    digests = b"".join(_digests(content))
    return StoredFile(key=key, size=size, sha256=sha256(digests), piece=PIECE)


def _digests(content: Iterable[memoryview]) -> Iterator[bytes]:
    """Yield the digest of piece after piece, wherever the views begin and end."""
    piece, room = hashlib.sha256(), PIECE
    for view in content:
        while view:
            part, view = view[:room], view[room:]
            piece.update(part)
            room -= len(part)
            if not room:
                yield piece.digest()
                piece, room = hashlib.sha256(), PIECE
    if room < PIECE:
        yield piece.digest()


def read_verified(files: Files, stored: StoredFile) -> bytes | memoryview:
    """Return the bytes that a manifest promised; DamagedError where they are not there.

    A device that cannot read them any more counts as damage: something older may be sound.
    """
    try:
        return _read_pieces(files, stored) if stored.piece else _read_whole(files, stored)
    except StoreError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno == errno.EIO:
            raise damaged("the device cannot read it", error.where) from error
        raise


def _read_whole(files: Files, stored: StoredFile) -> bytes:
    data = files.read(stored.key)
    if data is None:
        raise damaged("it is missing", files.locate(stored.key))
    _check(files, stored, len(data), sha256(data))
    return data


def _read_pieces(files: Files, stored: StoredFile) -> memoryview:
    """Read into fresh memory, every piece hashed by the thread that has just read it."""
    data, step = _memory(stored.size), stored.piece

    def piece(start: int) -> tuple[int, bytes]:
        view = data[start : start + step]
        count = files.read_into(stored.key, start, view)
        if count is None:
            raise damaged("it is missing", files.locate(stored.key))
        return count, hashlib.sha256(view).digest()

    with ThreadPoolExecutor(min(_THREADS, len(os.sched_getaffinity(0)))) as pool:
        pieces = list(pool.map(piece, range(0, stored.size, step)))
    beyond = files.read_into(stored.key, stored.size, memoryview(bytearray(1))) or 0
    digest = sha256(b"".join(digest for _, digest in pieces))
    _check(files, stored, sum(count for count, _ in pieces) + beyond, digest)
    return data


def _memory(size: int) -> memoryview:
    """Return memory that is only touched when it is filled, in large pages where there are any."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _check(files: Files, stored: StoredFile, size: int, digest: str) -> None:
    if size != stored.size:
        problem = f"it has {'more than ' * (size > stored.size)}"
        problem += f"{min(size, stored.size):,} of {stored.size:,} bytes"
        raise damaged(problem, files.locate(stored.key))
    if digest != stored.sha256:
        raise damaged("its sha256 is not the one in the manifest", files.locate(stored.key))
