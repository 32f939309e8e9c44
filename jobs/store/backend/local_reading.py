"""Reading from a local disk: parts of files, and listings that follow no links."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from compound.jobs.store.backend.files import Entry, explained


@contextmanager
def readable(path: str) -> Iterator[int | None]:
    """Open a file for reading; None where there is none."""
    with explained(path):
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
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


def list_entries(root: str, top: str, *, deep: bool) -> Iterator[Entry]:
    """Yield every file below a folder, or directly in it, in the order of their keys."""
    now = time.time()
    for path in sorted(_files_below(top) if deep else _files_in(top)):
        with suppress(FileNotFoundError):
            state = os.lstat(path)
            yield Entry(os.path.relpath(path, root), state.st_size, max(0.0, now - state.st_mtime))


def _files_below(top: str) -> list[str]:
    return [path for base, _, _ in os.walk(top) for path in _files_in(base)]


def _files_in(folder: str) -> list[str]:
    """Return the files of a folder, and all links."""
    with explained(folder):
        try:
            with os.scandir(folder) as entries:
                return [entry.path for entry in entries if not entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
