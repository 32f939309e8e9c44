"""Folders on a local disk: made so that they outlive a power cut, and a root that may vanish."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from compound.jobs.store.backend.files import explained


class Root:
    """The folder of a store. Where it was once, it is never made again."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._was_there = os.path.isdir(path)

    def require(self) -> None:
        """StoreError: the store was there and is gone, so a write would begin another one."""
        if os.path.isdir(self.path):
            self._was_there = True
        elif self._was_there:
            refuse_vanished(self.path)


def refuse_vanished(path: str) -> None:
    """StoreError that says that a store was deleted or moved, unless its file or folder exists."""
    with explained(path):
        if not os.path.lexists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


@contextmanager
def opened(path: str, flags: int) -> Iterator[int]:
    """Open a file or folder with the flags of open(2), and close it."""
    with explained(path):
        handle = os.open(path, flags, 0o666)
        try:
            yield handle
        finally:
            os.close(handle)


def make_folder(path: str) -> list[str]:
    """Make a folder with its parents; return the folders that gained an entry by it."""
    if os.path.isdir(path):
        return []
    parent = os.path.dirname(path)
    changed = make_folder(parent)
    with explained(path), suppress(FileExistsError):
        os.mkdir(path)
    return [*changed, parent]


def make_durable_folder(path: str) -> None:
    """Make a folder that outlives a power cut: files put into it later do not sync its name."""
    sync_folders(make_folder(path))


def sync_folders(folders: Iterable[str]) -> None:
    """Make the names in folders durable, the innermost first."""
    for folder in sorted(folders, reverse=True):
        with opened(folder, os.O_RDONLY) as handle:
            os.fsync(handle)
