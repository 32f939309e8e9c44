"""Opens what is meant to be a file. Anything else is refused before a byte of it is read.

A pipe without a writer is waited for without end, a device such as /dev/zero never ends, and a
sparse file of a terabyte takes no room on its disk. So the kind and the size are checked first, and
again on the open descriptor: nothing can be put in the file's place in between.
"""

import errno
import os
import stat
from pathlib import PurePath
from typing import IO, BinaryIO

DOCUMENT_BYTES = 2**29
"""Bytes that a document of a store, a plan or a stream of rows has at most."""

# O_NONBLOCK: a pipe that takes the file's place after the first check is not waited for.
# O_NOCTTY: a terminal that does so does not become this process's own.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a disk"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISLNK, "a symbolic link"),
)

_STDIN = PurePath("/dev/stdin")
_DESCRIPTORS = (PurePath("/dev/fd"), PurePath("/proc/self/fd"))


class UnfitFileError(OSError):
    """No file, or one that is too large; `strerror` says what it is."""

    allowed = "a file"
    most: int | None = None
    """The bytes that it may have, where it has more."""


def strange_kind(mode: int) -> str:
    """Return what a path names by its mode; empty for a file."""
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "")


def open_regular(path: str | os.PathLike[str], most: int | None = None, links: bool = True) -> int:
    """Return the descriptor of a file that is open for reading.

    `most`: the bytes that it has at most; None: any number. `links`: follow a symbolic link.
    UnfitFileError: it is no file, or larger; OSError: it cannot be opened.
    """
    check_regular(os.stat(path, follow_symlinks=links), path, most)
    handle = os.open(path, _READ if links else _READ | os.O_NOFOLLOW)
    try:
        check_regular(os.fstat(handle), path, most)
    except BaseException:
        os.close(handle)
        raise
    return handle


def opened_regular(path: str | os.PathLike[str], most: int | None = None) -> BinaryIO:
    """Return a file open for reading; errors as of `open_regular`."""
    return os.fdopen(open_regular(path, most), "rb")


def read_regular(path: str | os.PathLike[str], most: int, links: bool = True) -> bytes:
    """Return the bytes of a file; errors as of `open_regular`."""
    with os.fdopen(open_regular(path, most, links), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        # Not to the end of one that grows meanwhile. A file of /proc has no size before it is read.
        return file.read(size) if size else _at_most(file, path, most)


def read_document(path: str | os.PathLike[str], most: int = DOCUMENT_BYTES) -> bytes:
    """Return the bytes of a file, or of what a shell hands over as one: `<(...)`, /dev/stdin."""
    if not is_shells(path):
        return read_regular(path, most)
    with open(path, "rb") as file:
        return _at_most(file, path, most)


def is_shells(path: str | os.PathLike[str]) -> bool:
    """Return whether a path names a descriptor of this process, which its shell has opened."""
    plain = PurePath(path)
    return plain.parent in _DESCRIPTORS or plain == _STDIN


def _at_most(file: IO[bytes], path: str | os.PathLike[str], most: int) -> bytes:
    parts, room = [], most + 1
    while room and (part := file.read(min(room, 2**20))):
        parts.append(part)
        room -= len(part)
    if not room:
        raise unfit(path, f"it has more than {most:,} bytes", most)
    return b"".join(parts)


def open_output(path: str | os.PathLike[str]) -> BinaryIO:
    """Return a file open for writing, emptied; a terminal, /dev/null or a pipe as it is.

    UnfitFileError: a disk, a socket or a folder, or a pipe that nobody reads; OSError: it cannot be
    opened.
    """
    try:
        kind = strange_kind(os.stat(path).st_mode)
    except FileNotFoundError:
        kind = ""
    if kind in ("a disk", "a socket", "a folder"):
        raise _no_file(path, kind)
    try:
        handle = os.open(path, _WRITE, 0o666)
    except OSError as error:
        # open(2): a pipe is opened for writing without waiting only where somebody reads it.
        if error.errno == errno.ENXIO and kind == "a pipe":
            raise _unread(path) from None
        raise
    os.set_blocking(handle, True)
    return os.fdopen(handle, "wb")


def _unread(path: str | os.PathLike[str]) -> UnfitFileError:
    error = UnfitFileError(None, "it is a pipe that nobody reads", os.fspath(path))
    error.allowed = "a file, or a pipe whose reader has begun"
    return error


def check_regular(
    state: os.stat_result, path: str | os.PathLike[str], most: int | None = None
) -> None:
    """Raise UnfitFileError where a path names no file, or one of more than `most` bytes."""
    kind = strange_kind(state.st_mode)
    if kind:
        raise _no_file(path, kind)
    if most is not None and state.st_size > most:
        raise unfit(path, f"it has {state.st_size:,} bytes, more than {most:,}", most)


def _no_file(path: str | os.PathLike[str], kind: str) -> UnfitFileError:
    number = errno.EISDIR if kind == "a folder" else None
    return UnfitFileError(number, f"it is {kind}, not a file", os.fspath(path))


def unfit(path: str | os.PathLike[str], problem: str, most: int) -> UnfitFileError:
    """Return the error of a file that is larger than is allowed."""
    error = UnfitFileError(None, problem, os.fspath(path))
    error.allowed, error.most = f"at most {most:,} bytes", most
    return error
