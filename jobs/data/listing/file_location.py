"""Where files of images are: in a folder on disk, or in a bucket under a prefix."""

import hashlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from compound.jobs.data.listing.folder_entries import FILE, FOLDER, NOT_FOLLOWED, kind_of
from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.regular_file import (
    UnfitFileError,
    open_regular,
    opened_regular,
    read_regular,
)
from compound.schemas.errors import DataError
from compound.schemas.store_uri import data_bucket

FOLDER_UNREADABLE = "a folder that cannot be read"
IMAGE_BYTES = 2**29
"""Bytes that an encoded image has at most: eight for each pixel of the largest that is decoded."""
_SMALL = 2**24
"""Bytes up to which a file is hashed in one piece."""


class FileLocation(Protocol):
    """Files below one root, by their names under it: `train/cat/1.png`."""

    where: str
    """The root as the user wrote it."""
    parallel_reads: int
    """How many reads run at the same time: more than one where each has a long latency."""

    def folders(self, folder: str, hidden: bool = False) -> list[str] | None:
        """The names of the folders directly in a folder, sorted; None: there is no such folder.

        `hidden`: those that begin with a dot too.
        """

    def files(self, folder: str, hidden: bool = False) -> list[str]:
        """The names under the root of the files directly in a folder, sorted; "" is the root."""

    def circles(self, folder: str) -> list[tuple[str, str]]:
        """The links directly in a folder that lead in a circle, by their names under the root, each
        with the reason; they are neither `files` nor `folders`."""

    def walk(self, folder: str) -> Iterator[tuple[str, str]]:
        """Every file below a folder, at any depth, by its name under the root, with the reason why
        it cannot be opened, or ""; hidden ones too. In no order."""

    def read(self, name: str, most: int = IMAGE_BYTES) -> bytes:
        """A file's bytes. OSError: there is no such file, or it cannot be read.

        UnfitFileError, an OSError: it is no file, or has more than `most` bytes.
        """

    def opened(self, name: str) -> BinaryIO:
        """A file open for reading at any offset. OSError: there is no such file, or it is none."""

    def content(self, name: str, most: int | None = None) -> bytes:
        """A hash that changes when the bytes of a listed file do. OSError: as from `read`."""

    def address(self, name: str) -> str:
        """The full address of a file, for a process that does not know the root."""


class LocalFolder:
    """Files below a folder."""

    parallel_reads = 1

    def __init__(self, root: Path) -> None:
        self.root, self.where = root, str(root)
        self._top = os.path.join(root, "")

    def folders(self, folder: str, hidden: bool = False) -> list[str] | None:
        """Return the folders in a folder. DataError: it cannot be listed."""
        # Unlike Path.is_dir this is false, not an error, for a name that is too long.
        if not os.path.isdir(self._top + folder):
            return None
        return sorted(n for n, kind in self._entries(folder, hidden) if kind == FOLDER)

    def files(self, folder: str, hidden: bool = False) -> list[str]:
        """Return the files in a folder; none where there is no such folder."""
        if not os.path.isdir(self._top + folder):
            return []
        entries = self._entries(folder, hidden)
        names = [name for name, kind in entries if kind not in (FOLDER, *NOT_FOLLOWED)]
        return [_below(folder, name) for name in sorted(names)]

    def circles(self, folder: str) -> list[tuple[str, str]]:
        """Return the links in a folder that lead in a circle, hidden ones too."""
        entries = sorted(self._entries(folder, hidden=True))
        return [(_below(folder, name), kind) for name, kind in entries if kind in NOT_FOLLOWED]

    def walk(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield every file below a folder; links are followed, but never in a circle."""
        try:
            entries = list(os.scandir(self._top + folder))
        except OSError as error:
            yield folder, f"{FOLDER_UNREADABLE}: {error.strerror}"
            return
        for entry in entries:
            name, kind = _below(folder, entry.name), kind_of(entry, self._top, folder)
            if kind == FOLDER:
                yield from self.walk(name)
            else:
                yield name, "" if kind == FILE else kind

    def _entries(self, folder: str, hidden: bool) -> list[tuple[str, str]]:
        """Return name and kind of what is in a folder. DataError: it cannot be listed."""
        path = self._top + folder
        try:
            entries = [entry for entry in os.scandir(path) if hidden or entry.name[0] != "."]
        except OSError as error:
            raise unreadable(path, error) from None
        return [(entry.name, kind_of(entry, self._top, folder)) for entry in entries]

    def read(self, name: str, most: int = IMAGE_BYTES) -> bytes:
        """Return a file's bytes."""
        return read_regular(self._top + name, most)

    def opened(self, name: str) -> BinaryIO:
        """Return an open file."""
        return opened_regular(self._top + name)

    def content(self, name: str, most: int | None = None) -> bytes:
        """Return the SHA-256 of its bytes."""
        handle = open_regular(self._top + name, most)
        with os.fdopen(handle, "rb", buffering=0) as file:
            # file_digest clears 256 KiB of memory first, which takes longer than a small file.
            if os.fstat(file.fileno()).st_size <= _SMALL:
                return hashlib.sha256(file.readall()).digest()
            return hashlib.file_digest(file, "sha256").digest()

    def address(self, name: str) -> str:
        """Return the absolute path."""
        return os.path.join(os.getcwd(), self._top + name)


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def unreadable(path: str, error: OSError) -> DataError:
    """Return the error of a file or folder that the operating system does not open."""
    return DataError(
        f"cannot be read: {error.strerror or error}",
        where=as_utf8(path),
        allowed=error.allowed if isinstance(error, UnfitFileError) else "",
        next_step=right_to_read(path)
        if isinstance(error, PermissionError)
        else "check the disk or the mount, or remove it",
    )


def closed_folder(where: str, problem: str) -> DataError:
    """Return the error of a folder that `walk` could not list."""
    return DataError(
        problem,
        where=as_utf8(where),
        next_step=right_to_read(where),
    )


def right_to_read(path: str) -> str:
    """Return the next step where a file, or something in a folder, may not be read."""
    return f"give yourself the right to read it: chmod -R u+rX {shlex.quote(as_utf8(path))}"


def location_of(path: str, *, patient: bool = True) -> FileLocation:
    """Return the files below a folder or a prefix. DataError: another kind of address.

    `patient`: wait for an endpoint that does not answer, as a job should and a command should not.
    """
    try:
        bucket = data_bucket(path)
    except ValueError as error:
        raise DataError(str(error), where="data.path") from None
    if bucket is None:
        return LocalFolder(Path(path))
    # Imported here: the S3 client takes a second to load, which data on disk does not need.
    from compound.jobs.data.listing.bucket import BucketFolder

    return BucketFolder(bucket, patient=patient)


def split_address(address: str) -> tuple[str, str]:
    """Split the address of a file into a root that its neighbours share, and its name there."""
    bucket = data_bucket(address)
    if bucket:
        return f"s3://{bucket.name}", bucket.prefix
    folder, slash, name = address.rpartition("/")
    return folder or slash or ".", name
