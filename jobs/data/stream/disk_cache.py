"""Decoded pixels kept on disk: filled as images are first decoded, by any process of a machine."""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from compound.jobs.data.sources.dataset import Indices, Pixels
from compound.jobs.regular_file import check_regular, read_regular
from compound.schemas.base import Model

ABSENT, GOOD, BAD = 0, 1, 2
"""The state of an image: not cached, its pixels are cached, or it cannot be decoded."""

_MARKER = "complete.json"
_MARKER_BYTES = 10_000
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_log = logging.getLogger(__name__)


class Layout(Model):
    """The shape of all pixels, uint8 (rows, channels, side, side)."""

    rows: int
    channels: int
    side: int

    @property
    def bytes(self) -> int:
        """The size of the file with the pixels."""
        return self.rows * self.channels * self.side**2


class RawCache:
    """Pixels by row, and the state of every row.

    Until all rows have a state, the folder carries the machine's boot id. What a killed process
    wrote is still valid, since the kernel has it; after a crash of the machine it may not be. Then
    the files are flushed and marked, and the folder gets its final name.
    """

    def __init__(self, folder: Path, layout: Layout, lock: Path, final: Path) -> None:
        self._folder, self._layout, self._lock, self._final = folder, layout, lock, final
        self._file = os.open(folder / "pixels.u8", os.O_RDWR)
        shape = (layout.rows, layout.channels * layout.side**2)
        self._pixels = np.memmap(folder / "pixels.u8", np.uint8, "r", shape=shape)
        self.status: npt.NDArray[np.uint8] = np.memmap(
            folder / "status.u8", np.uint8, "r+", shape=(layout.rows,)
        )

    @classmethod
    def open(cls, root: Path, key: str, layout: Layout) -> "RawCache | None":
        """Open or begin the cache of a key; None, with a warning, where the disk is full."""
        final, partial = root / key, root / f"{key}.{_boot()}"
        lock = root / f"{key}.lock"
        try:
            root.mkdir(parents=True, exist_ok=True)
            with _locked(lock):
                for folder in (final, partial):
                    if _whole(folder, layout, marked=folder is final):
                        return cls(folder, layout, lock, final)
                _clear(root, key)
                _check_room(root, layout)
                _begin(partial, layout)
                return cls(partial, layout, lock, final)
        except OSError as error:
            _log.warning("no cache of decoded images in %s: %s", root, error.strerror or error)
            return None

    def read(self, rows: Indices, out: Pixels) -> None:
        """Copy the pixels of GOOD rows to `out`, (len(rows), C, side, side)."""
        # With mode "raise" numpy copies through a buffer of the size of `out`.
        np.take(self._pixels, rows, axis=0, out=out.reshape(len(rows), -1), mode="clip")

    def write(self, row: int, pixels: Pixels) -> None:
        """Write a row's pixels, (C, side, side). OSError: the disk is full or broken."""
        # pwrite, not the memory map: on a full disk a write to the map ends the process by SIGBUS.
        data = np.ascontiguousarray(pixels).data.cast("B")
        at = row * len(data)
        while data:
            written = os.pwrite(self._file, data, at)
            data, at = data[written:], at + written
        self.status[row] = GOOD

    def bad(self, row: int) -> None:
        """Record that a row cannot be decoded."""
        self.status[row] = BAD

    def discard(self) -> None:
        """Delete the cache; processes that have it open can still read it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def seal(self) -> bool:
        """Mark the cache as complete where every row has a state; return whether it is."""
        if not self.status.all():
            return False
        with _locked(self._lock):
            # Data before marker before name: only a complete folder ever has the final name.
            if not (self._final / _MARKER).exists() and self._folder.exists():
                self._flush()
                (self._folder / _MARKER).write_text(self._layout.model_dump_json())
                os.rename(self._folder, self._final)
        return True

    def _flush(self) -> None:
        os.fsync(self._file)
        status = os.open(self._folder / "status.u8", os.O_RDWR)
        os.fsync(status)
        os.close(status)


def _whole(folder: Path, layout: Layout, marked: bool) -> bool:
    """Return whether the files have their full size, and the marker exists where `marked`."""
    try:
        if marked and Layout.model_validate_json(_marker(folder)) != layout:
            return False
        sizes = [(folder / name).stat().st_size for name in ("pixels.u8", "status.u8")]
    except (OSError, ValueError):
        return False
    return sizes == [layout.bytes, layout.rows]


def _marker(folder: Path) -> bytes:
    return read_regular(folder / _MARKER, _MARKER_BYTES)


def _begin(folder: Path, layout: Layout) -> None:
    folder.mkdir()
    with (folder / "pixels.u8").open("wb") as file:
        # A sparse file: blocks are allocated as images are written.
        file.truncate(layout.bytes)
    (folder / "status.u8").write_bytes(bytes(layout.rows))


def _clear(root: Path, key: str) -> None:
    """Delete damaged caches, and those begun before this machine last started."""
    for folder in (root / key, *root.glob(f"{key}.*")):
        if folder.is_dir():
            shutil.rmtree(folder)


def _check_room(root: Path, layout: Layout) -> None:
    free = shutil.disk_usage(root).free
    if free < layout.bytes * 1.05:
        raise OSError(
            f"{layout.bytes / 2**30:.1f} GiB are needed, and {free / 2**30:.1f} GiB are free"
        )


def _boot() -> str:
    return _BOOT.read_text().strip()[:8] if _BOOT.exists() else "partial"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # A lock of the kernel, not a lock file: it is released when its process is killed.
    # O_NONBLOCK: a pipe of this name would be waited for.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666), "wb") as file:
        check_regular(os.fstat(file.fileno()), path)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
