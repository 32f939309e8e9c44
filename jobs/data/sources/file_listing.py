"""Image files under one root with their labels: a folder's, or those that Parquet names."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from compound.jobs.data.listing.file_location import FileLocation, unreadable
from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.data.listing.read_ahead import read_ahead
from compound.jobs.data.sources.dataset import Hashes, Indices, Labels

_EMPTY = hashlib.sha256().digest()


@dataclass(frozen=True)
class FileListing:
    """Image files under one root, in the order in which they were listed."""

    location: FileLocation
    names: tuple[str, ...]
    """As the location names them."""
    labels: Labels
    hashes: Hashes
    """Of each file's content: equal for equal files."""
    empty: Indices
    """The indices of the files of 0 bytes."""

    def name(self, index: int) -> str:
        """Return a file's path under the root."""
        return as_utf8(self.names[index])

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield the path under the root, and the content of the files at `indices`.

        DataError: a file can no longer be read.
        """
        names = [self.names[index] for index in indices]
        contents = read_ahead(self._content, names, self.location.parallel_reads)
        yield from zip(map(as_utf8, names), contents, strict=True)

    def _content(self, name: str) -> bytes:
        try:
            return self.location.read(name)
        except OSError as error:
            raise unreadable(self.location.address(name), error) from None


@dataclass
class FileEntries:
    """What a listing is made of, while its files are hashed."""

    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    hashes: bytearray = field(default_factory=bytearray)
    empty: list[int] = field(default_factory=list)

    def add(self, name: str, label: int, content: bytes) -> None:
        """Add a file by the SHA-256 of its content, of which 64 bits are kept."""
        if content == _EMPTY:
            self.empty.append(len(self.names))
        self.names.append(name)
        self.labels.append(label)
        self.hashes += content[:8]

    def listing(self, location: FileLocation) -> FileListing:
        """Return what was added."""
        return FileListing(
            location,
            tuple(self.names),
            np.array(self.labels, dtype=np.int64),
            np.frombuffer(self.hashes, dtype=np.int64),
            np.array(self.empty, dtype=np.int64),
        )
