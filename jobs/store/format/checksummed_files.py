"""Files with a sha256 in the manifest, and reading that checks it.

Hashing limits how fast a large file is written and read. So a large file is hashed in pieces, by
several threads at once: its hash is the sha256 of the pieces' sha256s, one after another.
"""

import errno
import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from compound.jobs.regular_file import DOCUMENT_BYTES
from compound.jobs.store.backend.files import Content, Files
from compound.jobs.store.format.checksummed_json import damaged, sha256
from compound.jobs.store.format.manifest import StoredFile
from compound.schemas.errors import StoreError

PIECE = 1 << 20
"""Bytes that are hashed at once; a larger file is hashed in pieces."""

CHECKPOINT_BYTES = 2**35
"""Bytes of a file of a checkpoint: 32 GiB, of 8 billion float32 numbers."""

_THREADS = 8
"""At most; with more, memory or the disk is the limit."""


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
    """Yield the digest of each piece; a piece may cross the views."""
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
    """Return the bytes of a file in a manifest; DamagedError if it is missing or changed.

    A read error of the device counts as damage, so that readers fall back to an older checkpoint.
    """
    _check_limit(files, stored)
    try:
        return _read_pieces(files, stored) if stored.piece else _read_whole(files, stored)
    except StoreError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno == errno.EIO:
            raise damaged("the device cannot read it", error.where) from error
        raise


def _check_limit(files: Files, stored: StoredFile) -> None:
    """Raise DamagedError where a manifest names more bytes than such a file has, or fit here."""
    # A manifest that somebody has forged may name a terabyte, and a sparse file of one takes no
    # room on its disk.
    most = DOCUMENT_BYTES if stored.key.endswith(".parquet") else CHECKPOINT_BYTES
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if not 0 <= stored.size <= most:
        problem = f"its manifest names {stored.size:,} bytes, more than {most:,}"
    elif stored.size > memory:
        problem = f"its {stored.size:,} bytes do not fit into the memory of this machine"
    else:
        return
    raise damaged(problem, files.locate(stored.key))


def _read_whole(files: Files, stored: StoredFile) -> bytes:
    # Not more than it should have: a file that is larger is damaged, whatever is in it.
    data = files.read(stored.key, stored.size)
    if data is None:
        raise damaged("it is missing", files.locate(stored.key))
    _check(files, stored, len(data), sha256(data))
    return data


def _read_pieces(files: Files, stored: StoredFile) -> memoryview:
    """Read into fresh memory, every piece hashed by the thread that has just read it."""
    _check_end(files, stored)
    data, step = _memory(stored.size), stored.piece

    def piece(start: int) -> tuple[int, bytes]:
        view = data[start : start + step]
        count = files.read_into(stored.key, start, view)
        if count is None:
            raise damaged("it is missing", files.locate(stored.key))
        return count, hashlib.sha256(view).digest()

    # hashlib releases the GIL for more than 2,047 bytes, and preadv does, so threads run at once.
    with ThreadPoolExecutor(min(_THREADS, len(os.sched_getaffinity(0)))) as pool:
        pieces = list(pool.map(piece, range(0, stored.size, step)))
    digest = sha256(b"".join(digest for _, digest in pieces))
    _check(files, stored, sum(count for count, _ in pieces), digest)
    return data


def _check_end(files: Files, stored: StoredFile) -> None:
    """Raise DamagedError where a file does not end where it should, before memory is taken."""
    edge = files.read_into(stored.key, stored.size - 1, memoryview(bytearray(2)))
    if edge is None:
        raise damaged("it is missing", files.locate(stored.key))
    if edge != 1:
        fewer = f"it has {'more' if edge else 'fewer'} than {stored.size:,} bytes"
        raise damaged(fewer, files.locate(stored.key))


def _memory(size: int) -> memoryview:
    """Return memory that is first touched when it is filled, in huge pages where possible."""
    # bytearray(size) would write zeros first, in one thread; with huge pages the kernel takes one
    # page fault for 2 MiB, not for 4 KiB.
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
