"""Files of images in an S3 bucket. Keys and endpoint come from the environment, as the store's do.

Nothing is read to tell whether content has changed: the bucket's own tag of each object does.
"""

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from compound.jobs.store.backend.s3_client import Answer, S3Client, configured_patience
from compound.jobs.store.backend.s3_errors import is_missing
from compound.schemas.errors import StoreError
from compound.schemas.store_uri import Bucket

AT_ONCE = 16
_HURRY = 6.0
"""Seconds after which an endpoint that does not answer is an error, where a user waits for it."""


class InBucket:
    """Objects under a prefix. StoreError: the bucket cannot be asked, with what to do about it."""

    at_once = AT_ONCE

    def __init__(self, bucket: Bucket, *, patient: bool = True) -> None:
        """See `places.place_of`."""
        self.where, self._bucket = bucket.uri, bucket
        patience = configured_patience()
        self._client = S3Client(bucket.name, patience if patient else min(patience, _HURRY))
        self._listed: dict[str, tuple[int, str]] = {}
        """Size and tag of the objects that a listing has named, by their whole keys."""

    def folders(self, folder: str) -> list[str] | None:
        """Return what keys have next after a folder's, up to a slash."""
        top = self._top(folder)
        found, there = [], not top
        for answer in self._pages(top):
            there |= bool(answer.get("Contents") or answer.get("CommonPrefixes"))
            found += [one["Prefix"] for one in answer.get("CommonPrefixes", [])]
        names = [prefix.removeprefix(top).rstrip("/") for prefix in found]
        return sorted(name for name in names if name[:1] != ".") if there else None

    def files(self, folder: str) -> list[str]:
        """Return the objects directly in a folder."""
        top, root = self._top(folder), self._top("")
        found = []
        for answer in self._pages(top):
            for one in answer.get("Contents", []):
                if one["Key"].removeprefix(top)[:1] not in ("", "."):
                    found.append(one["Key"].removeprefix(root))
                    self._listed[one["Key"]] = (one["Size"], one["ETag"].strip('"'))
        return sorted(found)

    def read(self, name: str) -> bytes:
        """Return an object's bytes."""
        return self._get(name)

    def opened(self, name: str) -> BinaryIO:
        """Return what reads an object piece by piece."""
        if self._key(name) not in self._listed:
            answer = self._asked("head_object", name)
            self._listed[self._key(name)] = (answer["ContentLength"], answer["ETag"].strip('"'))
        return cast(BinaryIO, Pieces(self, name, self._listed[self._key(name)][0]))

    def piece(self, name: str, start: int, size: int) -> bytes:
        """Return some bytes of an object."""
        return self._get(name, Range=f"bytes={start}-{start + size - 1}")[:size]

    def content(self, name: str) -> bytes:
        """Return the hash of the size and the tag that an object was listed with."""
        size, tag = self._listed[self._key(name)]
        return hashlib.sha256(f"{size} {tag}".encode()).digest()

    def address(self, name: str) -> str:
        """Return the object's URI."""
        return f"{self.where}/{name}"

    def _get(self, name: str, **parameters: str) -> bytes:
        return bytes(self._asked("get_object", name, **parameters)["Body"])

    def _asked(self, action: str, name: str, **parameters: str) -> Answer:
        where = self.address(name)
        try:
            return self._ask(action, where, Key=self._key(name), **parameters)
        except StoreError as error:
            if is_missing(error.__cause__):
                raise FileNotFoundError(2, "No such object", where) from None
            raise

    def _ask(self, action: str, where: str, **parameters: str) -> Answer:
        try:
            return self._client.call(action, where, **parameters)
        except StoreError as error:
            error.next_step = error.next_step.replace("`store`", "`path`")
            raise

    def _key(self, name: str) -> str:
        return f"{self._top('')}{name}"

    def _top(self, folder: str) -> str:
        return "".join(f"{part}/" for part in (self._bucket.prefix, folder) if part)

    def _pages(self, top: str) -> Iterator[Answer]:
        more: dict[str, Any] = {"Prefix": top, "Delimiter": "/"}
        while True:
            answer = self._ask("list_objects_v2", f"s3://{self._bucket.name}/{top}", **more)
            yield answer
            if not answer.get("IsTruncated"):
                return
            more["ContinuationToken"] = answer["NextContinuationToken"]


class Pieces(io.RawIOBase):
    """An object as a file that is read here and there, one request a read."""

    def __init__(self, place: InBucket, name: str, size: int) -> None:
        super().__init__()
        self._place, self._name, self._size = place, name, size
        self._at, self._moving = 0, threading.Lock()

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read anywhere."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return so many of the next bytes, or all that are left."""
        with self._moving:
            rest = max(self._size - self._at, 0)
            wanted = rest if size < 0 else min(size, rest)
            data = self._place.piece(self._name, self._at, wanted) if wanted else b""
            self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
