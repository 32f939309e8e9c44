"""Where files of images are: in a folder on disk, or in a bucket under a prefix."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Protocol

from compound.schemas.errors import DataError
from compound.schemas.store_uri import data_bucket


class FileLocation(Protocol):
    """Files below one root, by their names under it: `train/cat/1.png`."""

    where: str
    """The root as the user wrote it."""
    parallel_reads: int
    """How many reads run at the same time: more than one where each has a long latency."""

    def folders(self, folder: str) -> list[str] | None:
        """The names of the folders directly in a folder, sorted; None: there is no such folder."""

    def files(self, folder: str) -> list[str]:
        """The names under the root of the files directly in a folder, sorted; "" is the root."""

    def read(self, name: str) -> bytes:
        """A file's bytes. OSError: there is no such file, or it cannot be read."""

    def opened(self, name: str) -> BinaryIO:
        """A file open for reading at any offset. OSError: there is no such file."""

    def content(self, name: str) -> bytes:
        """A hash that changes when the bytes of a listed file do."""

    def address(self, name: str) -> str:
        """The full address of a file, for a process that does not know the root."""


class LocalFolder:
    """Files below a folder."""

    parallel_reads = 1

    def __init__(self, root: Path) -> None:
        self.root, self.where = root, str(root)

    def folders(self, folder: str) -> list[str] | None:
        """Return the folders in a folder that are not hidden."""
        path = self.root / folder
        if not path.is_dir():
            return None
        return sorted(sub.name for sub in path.iterdir() if sub.is_dir() and sub.name[0] != ".")

    def files(self, folder: str) -> list[str]:
        """Return the files in a folder that are not hidden; none where there is no such folder."""
        path = self.root / folder
        if not path.is_dir():
            return []
        # scandir, not iterdir: its entries carry the type, so a folder of a million images needs no
        # `stat` of each.
        entries = os.scandir(path)
        names = [entry.name for entry in entries if entry.name[0] != "." and entry.is_file()]
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
    from compound.jobs.data.sources.bucket import BucketFolder

    return BucketFolder(bucket, patient=patient)


def split_address(address: str) -> tuple[str, str]:
    """Split the address of a file into a root that its neighbours share, and its name there."""
    bucket = data_bucket(address)
    if bucket:
        return f"s3://{bucket.name}", bucket.prefix
    folder, slash, name = address.rpartition("/")
    return folder or slash or ".", name
