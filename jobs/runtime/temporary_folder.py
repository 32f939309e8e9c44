"""Folders for temporary files that are removed even after a kill: by the next process."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from compound.jobs.process_mark import MARK, own_mark, runs

_PREFIX = "compound-"


def make_folder(purpose: str) -> str:
    """Make a folder of this process, and remove those of processes that have died.

    `purpose` is of letters; the folder's name also says which process it belongs to.
    """
    sweep()
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}-{own_mark()}-")


@contextmanager
def temporary_folder(purpose: str) -> Iterator[str]:
    """Make a folder of this process, see `make_folder`, and remove it at the end."""
    folder = make_folder(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove what processes of this user, which were killed, have left behind on this machine."""
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).iterdir():
            if path.name.startswith(_PREFIX) and _is_left_behind(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_left_behind(path: Path) -> bool:
    mark = MARK.fullmatch(path.name.removeprefix(_PREFIX).partition("-")[2].rpartition("-")[0])
    if mark is None or runs(mark.group()):
        return False
    try:
        state = path.lstat()
    except OSError:
        return False
    # The folder for temporary files is shared: links and other users' folders are left alone.
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()
