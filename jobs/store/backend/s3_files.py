"""The store's files in an S3 bucket, through s3fs.

A PUT replaces an object as a whole, so nothing is renamed. A key has one writer, so no PUT needs a
condition, which not every endpoint knows. No listing is cached: an object is seen as soon as the
endpoint shows it.
"""

import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial

from compound.jobs.regular_file import DOCUMENT_BYTES
from compound.jobs.store.backend.files import Content, Entry, Files, Lock, Stream, checked, segments
from compound.jobs.store.backend.s3_client import (
    Answer,
    S3Client,
    configured_patience,
    gather_limited,
)
from compound.jobs.store.backend.s3_errors import code_of, is_denied, is_missing
from compound.jobs.store.backend.s3_heartbeat import Timing, age_of, read_heartbeat
from compound.jobs.store.backend.s3_lease import Leases, S3Stream, heartbeat_key
from compound.jobs.store.backend.s3_objects import download, upload
from compound.schemas.errors import StoreError
from compound.schemas.store_uri import Bucket

_PROBE = b"probe"
_SEGMENT = 64 << 10
"""Bytes from which a new object takes the next lines: every line puts its object again."""


class S3Files:
    """Objects under one prefix of a bucket; the bucket must exist.

    Endpoint, region, profile and keys are botocore's: from the environment and the AWS config.
    """

    def __init__(
        self, bucket: Bucket, timing: Timing | None = None, client: S3Client | None = None
    ) -> None:
        """`client`: by default one with the configured time limit."""
        self._bucket, self._timing = bucket, timing or Timing()
        self._client = client or S3Client(bucket.name, configured_patience())
        self._growing = _GrowingObjects(os.getpid())
        self._appending = threading.Lock()

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the address alone: another process has its own keys, sockets and threads."""
        return S3Files, (self._bucket,)

    def __repr__(self) -> str:
        return f"S3Files({self._bucket.uri!r})"

    def locate(self, key: str) -> str:
        """Return the address of a key."""
        return f"{self._bucket.uri}/{checked(key)}"

    def _full(self, key: str) -> str:
        return "/".join(filter(None, (self._bucket.prefix, checked(key))))

    def put(self, files: Mapping[str, Content]) -> None:
        """Make objects durable, each as a whole or not at all."""
        uploads = [
            partial(upload, self._client, self._full(key), self.locate(key), content)
            for key, content in files.items()
        ]
        self._client.run(lambda: gather_limited(uploads))

    def read(self, key: str, most: int = DOCUMENT_BYTES) -> bytes | None:
        """Return the bytes of an object; None where there is none."""
        fetch = partial(download, self._client, self._full(key), self.locate(key), most)
        answer = self._present(key, lambda: self._client.run(fetch))
        return None if answer is None else bytes(answer["Body"])

    def read_into(self, key: str, start: int, buffer: memoryview) -> int | None:
        """Fill a buffer from an offset in an object; return how many bytes were read."""
        if not buffer:
            return 0
        part = {"Key": self._full(key), "Range": f"bytes={start}-{start + len(buffer) - 1}"}
        fetch = partial(self._client.call, "get_object", self.locate(key), len(buffer), **part)
        try:
            answer = self._present(key, fetch)
        except StoreError as error:
            # S3 answers 416 to a range that begins at the end, where a file would have 0 bytes.
            if code_of(error.__cause__) in ("InvalidRange", "416"):
                return 0
            raise
        if answer is None:
            return None
        data = answer["Body"]
        if data is None:
            problem = "the endpoint returns more bytes than were asked for"
            raise StoreError(problem, where=self.locate(key), next_step="use another endpoint")
        buffer[: len(data)] = data
        return len(data)

    def _present(self, key: str, ask: Callable[[], Answer]) -> Answer | None:
        """Ask for an object; None where there is none."""
        try:
            return ask()
        except StoreError as error:
            if is_missing(error.__cause__):
                return None
            if is_denied(error.__cause__) and self._is_absent(key):
                return None
            raise

    def _is_absent(self, key: str) -> bool:
        """Whether a denied key does not exist. S3 answers 403 and not 404 for an absent key where
        these keys lack s3:ListBucket on the whole bucket; a prefix may still be listed.
        """
        try:
            return self._full(key) not in self._keys(self._full(key), self.locate(key))
        except StoreError:
            return False

    def _below(self, folder: str) -> tuple[str, str]:
        """Return what the keys below a folder begin with, and the folder's address."""
        if folder:
            return f"{self._full(folder)}/", self.locate(folder)
        return self._top, self._bucket.uri

    @property
    def _top(self) -> str:
        return f"{self._bucket.prefix}/" if self._bucket.prefix else ""

    def names(self, folder: str) -> list[str]:
        """Return the names directly in a folder, sorted, without hidden objects."""
        return self._names(*self._below(folder))

    def _names(self, prefix: str, where: str) -> list[str]:
        keys = self._keys(prefix, where, Delimiter="/")
        names = {key.removeprefix(prefix).rstrip("/") for key in keys}
        return sorted(name for name in names if name and not name.startswith("."))

    def walk(self, folder: str) -> list[str]:
        """Return the keys of all objects below a folder."""
        return [entry.key for entry in self.entries(folder)]

    def entries(self, folder: str, *, deep: bool = True) -> Iterator[Entry]:
        """Yield every object below a folder, or only those directly in it, page after page."""
        for answer in self._pages(*self._below(folder), **({} if deep else {"Delimiter": "/"})):
            for item in answer.get("Contents", []):
                # Consoles put an empty object with a closing slash in place of a folder.
                if not item["Key"].endswith("/"):
                    key = item["Key"].removeprefix(self._top)
                    yield Entry(key, item["Size"], age_of(answer, item["LastModified"]))

    def _keys(self, prefix: str, where: str, **parameters: str) -> list[str]:
        """List keys, and what keys up to a delimiter have in common, page after page."""
        keys: list[str] = []
        for answer in self._pages(prefix, where, **parameters):
            keys += [item["Key"] for item in answer.get("Contents", [])]
            keys += [item["Prefix"] for item in answer.get("CommonPrefixes", [])]
        return keys

    def _pages(self, prefix: str, where: str, **parameters: str) -> Iterator[Answer]:
        more: dict[str, str] = {}
        while True:
            answer = self._client.call(
                "list_objects_v2", where, Prefix=prefix, **parameters, **more
            )
            yield answer
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, several at once; absent ones are no error."""
        # One request each: DeleteObjects needs a Content-MD5 on many endpoints, and botocore 1.36
        # sends a CRC in its place (s3fs-fuse/s3fs-fuse#2639).
        deletions = [partial(self._delete, key) for key in keys]
        self._client.run(lambda: gather_limited(deletions))

    async def _delete(self, key: str) -> None:
        try:
            await self._client.call_async("delete_object", self.locate(key), Key=self._full(key))
        except StoreError as error:
            if not is_missing(error.__cause__):
                raise

    def append_line(self, key: str, line: bytes, *, durable: bool = False) -> None:
        """Add one line: this writer's own object is put again with it. Always durable."""
        with self._appending:
            # A forked child must not put the parent's objects again with its own lines.
            if self._growing.pid != os.getpid():
                self._growing = _GrowingObjects(os.getpid())
            growing = self._growing.by_key
            name, before = growing.pop(key) if key in growing else (self._next_segment(key), b"")
            content = before + line + b"\n"
            self.put({name: content})
            # After an error the object may have the line or not: a new object takes the next.
            if len(content) < _SEGMENT:
                growing[key] = (name, content)

    def _next_segment(self, key: str) -> str:
        stem, _, suffix = key.rpartition(".")
        last = max((number for number, _ in self._segments(key)), default=0)
        return f"{stem}.{last + 1:06d}-{uuid.uuid4().hex[:8]}.{suffix}"

    def _segments(self, key: str) -> list[tuple[int, str]]:
        return segments(key, self.names(key.rpartition("/")[0]))

    def lines(self, key: str) -> list[bytes]:
        """Return all lines: each writer's in its order, writers in the order they began."""
        downloads = [
            partial(download, self._client, self._full(segment), self.locate(segment))
            for _, segment in self._segments(key)
        ]
        answers = self._client.run(lambda: gather_limited(downloads))
        return [line for segment in answers for line in segment["Body"].splitlines() if line]

    def stream(self, key: str) -> Stream:
        """Start a new growing object, with a heartbeat beside it while it is open."""
        return S3Stream(self._client, self._full(key), self.locate(key), self._timing)

    def is_streaming(self, key: str) -> bool:
        """Whether a live process holds the stream open, by its heartbeat."""
        heartbeat = read_heartbeat(
            self._client, heartbeat_key(self._full(key)), heartbeat_key(self.locate(key))
        )
        return heartbeat is not None and heartbeat.lives(self._timing)

    def lock(self, key: str, note: bytes) -> Lock | None:
        """Take a lock with a note; None if another holder lives."""
        return self._leases(key).take(note)

    def holder(self, key: str) -> bytes:
        """Return the note of a lock's live holder; empty where none is found."""
        return self._leases(key).holder()

    def holders(self, key: str) -> list[bytes]:
        """Return the notes of live holders, and of processes that are about to hold a lock."""
        return self._leases(key).holders()

    def _leases(self, key: str) -> Leases:
        beside = partial(self.names, key.rpartition("/")[0])
        return Leases(self._client, self._full(key), self.locate(key), self._timing, beside)

    def within(self, seconds: float) -> "S3Files":
        """Return the same files with another time limit for requests."""
        return S3Files(self._bucket, self._timing, self._client.within(seconds))

    def prove_writable(self) -> None:
        """Check that objects can be put, read, listed and deleted. StoreError: which one fails."""
        key = f"probe-{uuid.uuid4().hex[:8]}"
        self.put({key: _PROBE})
        try:
            self._try(key)
        except StoreError:
            with suppress(StoreError):
                self.delete([key])
            raise
        self.delete([key])

    def _try(self, key: str) -> None:
        if self.read(key) != _PROBE:
            problem = "the endpoint returns other bytes than were put"
            raise StoreError(problem, where=self.locate(key), next_step="use another endpoint")
        self._names(self._top, self._bucket.uri)


class _GrowingObjects:
    """The objects of one process that take the next lines, by key, with their contents."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.by_key: dict[str, tuple[str, bytes]] = {}


def s3_files(bucket: Bucket) -> Files:
    """Return the files under a prefix; the annotation proves that the protocol is met."""
    return S3Files(bucket)
