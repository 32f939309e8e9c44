"""Where files of images lie: a folder on disk, or what a bucket has under a prefix."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Protocol

from compound.schemas.errors import DataError
from compound.schemas.store_uri import data_bucket


class Place(Protocol):
    """Files below one root, by their names under it: `train/cat/1.png`."""

    where: str
    """The root, as people name it."""
    at_once: int
    """How many reads side by side are worth it: more than one where an answer takes its time."""

    def folders(self, folder: str) -> list[str] | None:
        """The names of the folders directly in a folder, sorted; None where there is no such."""

    def files(self, folder: str) -> list[str]:
        """The names under the root of the files directly in a folder, sorted; "" is the root."""

    def read(self, name: str) -> bytes:
        """A file's bytes. OSError: there is no such file, or it cannot be read."""

    def opened(self, name: str) -> BinaryIO:
        """A file to be read here and there. OSError: there is no such file."""

    def content(self, name: str) -> bytes:
        """A hash that changes when the bytes of a listed file do."""

    def address(self, name: str) -> str:
        """Where a file lies, for a process that does not know the root."""


class Disk:
    """Files below a folder."""

    at_once = 1

    def __init__(self, root: Path) -> None:
        self.root, self.where = root, str(root)

    def folders(self, folder: str) -> list[str] | None:
        """Return the folders in a folder that are not hidden."""
        place = self.root / folder
        if not place.is_dir():
            return None
        return sorted(one.name for one in place.iterdir() if one.is_dir() and one.name[0] != ".")

    def files(self, folder: str) -> list[str]:
        """Return the files in a folder that are not hidden; none where there is no such folder."""
        place = self.root / folder
        if not place.is_dir():
            return []
        names = [one.name for one in os.scandir(place) if one.name[0] != "." and one.is_file()]
        return [f"{folder}/{name}" if folder else name for name in sorted(names)]

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        return (self.root / name).read_bytes()

    def opened(self, name: str) -> BinaryIO:
        """Return an open file."""
        return (self.root / name).open("rb")

    def content(self, name: str) -> bytes:
        """Return the SHA-256 of its bytes."""
        with (self.root / name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()

    def address(self, name: str) -> str:
        """Return the absolute path."""
        return str((self.root / name).absolute())


def place_of(path: str, *, patient: bool = True) -> Place:
    """Return the files below a folder or a prefix. DataError: another kind of address.

    `patient`: wait for an endpoint that is out of order, as a job should and a user need not.
    """
    try:
        bucket = data_bucket(path)
    except ValueError as error:
        raise DataError(str(error), where="data.path") from None
    if bucket is None:
        return Disk(Path(path))
    from compound.jobs.data.bucket import InBucket  # a second that folders need not wait for

    return InBucket(bucket, patient=patient)


def parted(address: str) -> tuple[str, str]:
    """Return the widest root of a file that all its neighbours share, and its name there."""
    bucket = data_bucket(address)
    if bucket:
        return f"s3://{bucket.name}", bucket.prefix
    folder, slash, name = address.rpartition("/")
    return folder or slash or ".", name
