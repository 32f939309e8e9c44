"""Files of images in an S3 bucket. Keys and endpoint come from the environment, as for the store.

No object is read to detect a change: the ETag that the bucket lists for each object changes.
"""

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from compound.jobs.data.listing.file_location import IMAGE_BYTES
from compound.jobs.regular_file import unfit
from compound.jobs.store.backend.s3_client import Answer, S3Client, configured_patience
from compound.jobs.store.backend.s3_errors import is_missing
from compound.schemas.errors import StoreError
from compound.schemas.store_uri import Bucket

PARALLEL_READS = 16
"""Reads at the same time: one waits tens of milliseconds for its answer."""
_COMMAND_PATIENCE = 6.0
"""Seconds after which a silent endpoint is an error for a command that a user waits for."""


class BucketFolder:
    """Objects under a prefix. StoreError: the bucket does not answer, with the next step."""

    parallel_reads = PARALLEL_READS

    def __init__(self, bucket: Bucket, *, patient: bool = True) -> None:
        """See `file_location.location_of`."""
        self.where, self._bucket = bucket.uri, bucket
        patience = configured_patience()
        self._client = S3Client(
            bucket.name, patience if patient else min(patience, _COMMAND_PATIENCE)
        )
        # A listing gives size and ETag of 1,000 objects in one request: no HEAD request for each.
        self._listed: dict[str, tuple[int, str]] = {}
        """Size and ETag of the objects that were listed, by their full keys."""

    def folders(self, folder: str, hidden: bool = False) -> list[str] | None:
        """Return the parts of keys after the folder's prefix, up to the next slash."""
        top = self._top(folder)
        # A bucket has no folders: one exists where a key begins with its prefix. The root exists.
        prefixes, exists = [], not top
        for answer in self._pages(top):
            exists |= bool(answer.get("Contents") or answer.get("CommonPrefixes"))
            prefixes += [entry["Prefix"] for entry in answer.get("CommonPrefixes", [])]
        names = [prefix.removeprefix(top).rstrip("/") for prefix in prefixes]
        return sorted(name for name in names if hidden or name[:1] != ".") if exists else None

    def files(self, folder: str, hidden: bool = False) -> list[str]:
        """Return the objects directly in a folder."""
        top, root = self._top(folder), self._top("")
        names = []
        for answer in self._pages(top):
            for entry in answer.get("Contents", []):
                # Consoles make a folder by an empty object whose key is the prefix itself.
                first = entry["Key"].removeprefix(top)[:1]
                if first and (hidden or first != "."):
                    names.append(entry["Key"].removeprefix(root))
                    self._listed[entry["Key"]] = (entry["Size"], entry["ETag"].strip('"'))
        return sorted(names)

    def circles(self, folder: str) -> list[tuple[str, str]]:
        """Return nothing: a bucket has no links."""
        return []

    def walk(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield every object whose key begins with the folder's prefix."""
        root = self._top("")
        for answer in self._pages(self._top(folder), delimiter=""):
            for entry in answer.get("Contents", []):
                # Consoles make a folder by an empty object whose key ends with a slash.
                if not entry["Key"].endswith("/"):
                    self._listed[entry["Key"]] = (entry["Size"], entry["ETag"].strip('"'))
                    yield entry["Key"].removeprefix(root), ""

    def read(self, name: str, most: int = IMAGE_BYTES) -> bytes:
        """Return an object's bytes."""
        return self._get(name, most)

    def opened(self, name: str) -> BinaryIO:
        """Return a file that reads an object by ranges."""
        if self._key(name) not in self._listed:
            answer = self._request_file("head_object", name)
            self._listed[self._key(name)] = (answer["ContentLength"], answer["ETag"].strip('"'))
        return cast(BinaryIO, ObjectFile(self, name, self._listed[self._key(name)][0]))

    def read_range(self, name: str, start: int, size: int) -> bytes:
        """Return `size` bytes of an object from `start` on."""
        return self._get(name, None, Range=f"bytes={start}-{start + size - 1}")[:size]

    def content(self, name: str, most: int | None = None) -> bytes:
        """Return a hash of the size and ETag that an object was listed with."""
        size, tag = self._listed[self._key(name)]
        if most is not None and size > most:
            raise unfit(self.address(name), f"it has {size:,} bytes, more than {most:,}", most)
        return hashlib.sha256(f"{size} {tag}".encode()).digest()

    def address(self, name: str) -> str:
        """Return the object's URI."""
        return f"{self.where}/{name}"

    def _get(self, name: str, most: int | None, /, **parameters: str) -> bytes:
        answer = self._request_file("get_object", name, most, **parameters)
        if answer["Body"] is None:
            assert most is not None
            problem = f"it has {answer['ContentLength']:,} bytes, more than {most:,}"
            raise unfit(self.address(name), problem, most)
        return bytes(answer["Body"])

    def _request_file(
        self, action: str, name: str, most: int | None = None, /, **parameters: str
    ) -> Answer:
        where = self.address(name)
        try:
            return self._request(action, where, most, Key=self._key(name), **parameters)
        except StoreError as error:
            if is_missing(error.__cause__):
                raise FileNotFoundError(2, "No such object", where) from None
            raise

    def _request(
        self, action: str, where: str, most: int | None = None, /, **parameters: str
    ) -> Answer:
        try:
            return self._client.call(action, where, most, **parameters)
        except StoreError as error:
            # The store uses the same client: its messages name the key `store` of a spec.
            error.next_step = error.next_step.replace("`store`", "`path`")
            raise

    def _key(self, name: str) -> str:
        return f"{self._top('')}{name}"

    def _top(self, folder: str) -> str:
        return "".join(f"{part}/" for part in (self._bucket.prefix, folder) if part)

    def _pages(self, top: str, delimiter: str = "/") -> Iterator[Answer]:
        parameters: dict[str, Any] = {"Prefix": top}
        if delimiter:
            parameters["Delimiter"] = delimiter
        while True:
            answer = self._request(
                "list_objects_v2", f"s3://{self._bucket.name}/{top}", **parameters
            )
            yield answer
            if not answer.get("IsTruncated"):
                return
            parameters["ContinuationToken"] = answer["NextContinuationToken"]


class ObjectFile(io.RawIOBase):
    """An object as a seekable file; each read is one request."""

    def __init__(self, bucket: BucketFolder, name: str, size: int) -> None:
        super().__init__()
        self._bucket, self._name, self._size = bucket, name, size
        self._offset, self._lock = 0, threading.Lock()

    def readable(self) -> bool:
        """Return True: the file is open for reading."""
        return True

    def seekable(self) -> bool:
        """Return True: reads may start at any offset."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the offset of the next byte, and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        self._offset = max(start + offset, 0)
        return self._offset

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes; all that are left where it is negative."""
        # Arrow reads the columns of one file in several threads.
        with self._lock:
            rest = max(self._size - self._offset, 0)
            count = rest if size < 0 else min(size, rest)
            data = self._bucket.read_range(self._name, self._offset, count) if count else b""
            self._offset += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
