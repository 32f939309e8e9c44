"""Reading from a local disk: parts of files, and listings that follow no links."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from compound.jobs.regular_file import open_regular, strange_kind
from compound.jobs.store.backend.files import Entry, explained, foreign_file


@contextmanager
def readable(path: str) -> Iterator[int | None]:
    """Open a file for reading; None where there is none, DamagedError where it is no file."""
    with explained(path):
        try:
            handle = open_regular(path, links=False)
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        try:
            yield handle
        finally:
            os.close(handle)


def read_at(handle: int, start: int, buffer: memoryview) -> int:
    """Fill a buffer from an offset in an open file; return how many bytes were read."""
    # preadv(2) may read less than asked for, 2 GiB at most; it moves no offset that threads share.
    done = 0
    while done < len(buffer):
        count = os.preadv(handle, [buffer[done:]], start + done)
        if not count:
            break
        done += count
    return done


def list_names(folder: str) -> list[str]:
    """Return the names directly in a folder, sorted, without hidden and temporary files."""
    with explained(folder):
        try:
            return sorted(name for name in os.listdir(folder) if not name.startswith("."))
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            raise foreign_file(folder, "a file lies where a folder is needed", "a folder") from None


def list_entries(root: str, top: str, *, deep: bool) -> Iterator[Entry]:
    """Yield every file below a folder, or directly in it, in the order of their keys."""
    now = time.time()
    for path in sorted(_files_below(top) if deep else _files_in(top)):
        with suppress(FileNotFoundError):
            state = os.lstat(path)
            age = max(0.0, now - state.st_mtime)
            kind = strange_kind(state.st_mode)
            yield Entry(os.path.relpath(path, root), state.st_size, age, kind)


def _files_below(top: str) -> list[str]:
    return [path for base, _, _ in os.walk(top) for path in _files_in(base)]


def _files_in(folder: str) -> list[str]:
    """Return the files of a folder, and all links."""
    with explained(folder):
        try:
            with os.scandir(folder) as entries:
                return [entry.path for entry in entries if not entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
