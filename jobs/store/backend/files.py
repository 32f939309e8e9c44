"""The interface between the store and its back ends: a local disk, or an S3 bucket.

The store uses keys (`jobs/ab12/job.json`) and whole byte strings, and builds its commit protocol on
these few promises. Each back end is one class.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from compound.jobs.regular_file import DOCUMENT_BYTES, UnfitFileError
from compound.schemas.errors import StoreError

_PART = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_KEY = re.compile(rf"{_PART}(/{_PART})*")
# S3 allows keys of 1,024 bytes, the bucket's prefix included.
_LONGEST_KEY = 1000

_RESUME = "then run the same command again: it resumes"
_ADVICE = {
    # Files that are not there are no error where they are read: this is a folder, on writing.
    errno.ENOENT: (
        "a folder of it is gone: the store was deleted or moved while the study ran",
        "bring the store back, or type the same command again to begin anew",
    ),
    errno.ENOSPC: ("no space is left on the device", f"free some space, {_RESUME}"),
    errno.EDQUOT: ("the disk quota is used up", f"free some space, {_RESUME}"),
    errno.EROFS: ("the file system is read-only", "mount it writable, or set another `store`"),
    errno.EACCES: ("permission denied", "give this user access, or set another `store`"),
    errno.EPERM: ("operation not permitted", "give this user access, or set another `store`"),
    errno.ENOTDIR: ("a file lies where a folder is needed", "move it away, or set another `store`"),
    errno.ENAMETOOLONG: ("the path is too long", "set a `store` with a shorter path"),
    errno.EIO: ("the device reports a read or write error", f"check the disk, {_RESUME}"),
    errno.ENOLCK: ("this file system offers no locks", "set a `store` on one that has flock"),
    errno.EOPNOTSUPP: ("this file system offers no locks", "set a `store` on one that has flock"),
}


Content = bytes | Sequence[memoryview]
"""The bytes of a file, or views of them in their order."""


class DamagedError(StoreError):
    """A stored file is not what was written: a flipped bit, a cut, a foreign file."""


class Entry(NamedTuple):
    """A file in a listing."""

    key: str
    """Its name below the root. A foreign file may have a name that the store would not give."""
    size: int
    age: float
    """Seconds since it was written, by the back end's clock."""
    strange: str = ""
    """What it is, such as "a pipe", where it is no file."""


class Stream(Protocol):
    """One growing file with one writer. Readers see its bytes at once."""

    size: int

    def write(self, data: bytes) -> None:
        """Append all of it, or leave the file as it was and raise StoreError."""

    def close(self) -> None:
        """Release the file. The end of the process releases it as well."""


class Lock(Protocol):
    """A lock that is held until it is closed or its process ends."""

    def close(self) -> None:
        """Release the lock."""


class Files(Protocol):
    """Files under one root. Every failure is a StoreError that names the path."""

    def locate(self, key: str) -> str:
        """The address of a key, for people and other programs."""

    def put(self, files: Mapping[str, Content]) -> None:
        """Make files durable, each as a whole or not at all, in no particular order."""

    def read(self, key: str, most: int = DOCUMENT_BYTES) -> bytes | None:
        """The bytes of a file; None where there is none.

        DamagedError: what is there is no file, or has more than `most` bytes. It is not read.
        """

    def read_into(self, key: str, start: int, buffer: memoryview) -> int | None:
        """Fill a buffer from an offset in a file; the number of bytes read, None without a file.

        DamagedError: what is there is no file.
        """

    def names(self, folder: str) -> list[str]:
        """The names directly in a folder, sorted; empty where there is no such folder.

        The folder "" is the root.
        """

    def walk(self, folder: str) -> list[str]:
        """The keys of all files below a folder."""

    def entries(self, folder: str, *, deep: bool = True) -> Iterator[Entry]:
        """Every file below a folder, or only those directly in it, in the order of their keys.

        They include temporary files of writes that never ended, foreign files, and symbolic links,
        which are not followed. The folder "" is the root.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Delete files, and the folders that this empties. Absent files are no error.

        Temporary files may be deleted, too.
        """

    def append_line(self, key: str, line: bytes, *, durable: bool = False) -> None:
        """Add one line to those of a key; a torn line before it stays a line of its own.

        It outlives a killed process; a `durable` one, and all before it, a power cut as well.
        """

    def lines(self, key: str) -> list[bytes]:
        """The lines of a key, torn lines included, in the order in which they were added.

        Lines of several writers at once may be grouped by writer.
        """

    def stream(self, key: str) -> Stream:
        """Start a new growing file."""

    def is_streaming(self, key: str) -> bool:
        """Whether a live process holds the stream of this key open."""

    def lock(self, key: str, note: bytes) -> Lock | None:
        """Take a lock and leave a note with it; None if another holder lives."""

    def holder(self, key: str) -> bytes:
        """The note of a lock's holder; empty where no holder is known."""

    def holders(self, key: str) -> list[bytes]:
        """The notes of the live processes that hold a lock, or are about to; empty without any."""

    def within(self, seconds: float) -> "Files":
        """The same files with another limit for waiting on a back end that does not answer."""

    def prove_writable(self) -> None:
        """Check that the store can be written, before any work is done. It need not exist."""


_TEMPORARY = re.compile(r"(.*/)?\.([^/]+)\.[0-9a-f]{8}\.tmp")


def temporary_of(key: str) -> str:
    """Return the key that a temporary file was to be renamed to; empty for any other file."""
    match = _TEMPORARY.fullmatch(key)
    return f"{match[1] or ''}{match[2]}" if match else ""


def checked(key: str) -> str:
    """Return a key that cannot lead out of the store, or raise StoreError."""
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        allowed = "letters, digits, `.`, `_`, `-`; every part begins with a letter or digit"
        raise StoreError(f"not a name inside the store: {key[:100]!r}", allowed=allowed)
    return key


def segments(key: str, names: Iterable[str]) -> list[tuple[int, str]]:
    """Return the files with the lines of a key, in order, out of the names in its folder.

    Objects in a bucket cannot grow, so every writer has its own: `events.000002-1f3c5a7e.jsonl`.
    """
    folder, _, name = key.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    part = re.compile(rf"{re.escape(stem)}\.(\d{{6,9}})-[0-9a-f]{{8}}\.{re.escape(suffix)}")
    matches = (part.fullmatch(entry) for entry in names)
    numbered = sorted((int(match[1]), match[0]) for match in matches if match)
    files = [(0, name)] * (name in names) + numbered
    return [(number, f"{folder}/{entry}") for number, entry in files]


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn an OSError into a StoreError that names the path and what to do."""
    try:
        yield
    except UnfitFileError as error:
        raise foreign_file(path, error.strerror or "", error.allowed) from None
    except OSError as error:
        fallback = (error.strerror or type(error).__name__, "check the path and the file system")
        cause, advice = _ADVICE.get(error.errno or 0, fallback)
        raise StoreError(
            f"the store cannot be used: {cause}", where=path, next_step=advice
        ) from error


def foreign_file(path: str, problem: str, allowed: str = "a file") -> DamagedError:
    """Return the error of what lies in a file's place and was not written by the store."""
    return DamagedError(
        f"the file is damaged: {problem}",
        where=os.fsencode(path).decode("utf-8", "backslashreplace"),
        allowed=allowed,
        next_step="move it away, and restore the file from a copy or run the same command again",
    )
