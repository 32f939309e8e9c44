"""Streams and locks in a bucket, each with a heartbeat."""

import random
import time
import uuid
from collections.abc import Callable

from compound.jobs.store.backend.s3_client import S3Client
from compound.jobs.store.backend.s3_heartbeat import (
    HeartbeatRecord,
    StoreHeartbeat,
    Timing,
    read_heartbeat,
)
from compound.jobs.store.backend.s3_objects import upload


class S3Stream:
    """An object that every write replaces as a whole, and its writer's heartbeat."""

    def __init__(self, client: S3Client, key: str, where: str, timing: Timing) -> None:
        self.size = 0
        self._client, self._key, self._where = client, key, where
        self._data = b""
        self._put(b"")
        self._heartbeat = StoreHeartbeat(client, heartbeat_key(key), heartbeat_key(where), timing)

    def write(self, data: bytes) -> None:
        """Append all of it. StoreError: until the next write it may be there or not."""
        grown = self._data + data
        self._put(grown)
        self._data, self.size = grown, len(grown)

    def _put(self, data: bytes) -> None:
        self._client.run(lambda: upload(self._client, self._key, self._where, data))

    def close(self) -> None:
        """Release the object."""
        self._heartbeat.close()


def heartbeat_key(key: str) -> str:
    """Return the key of the heartbeat beside a stream."""
    return f"{key}.pulse"


class Leases:
    """Locks on one key: each process puts a lease with a name of its own, then lists all leases.

    No conditional PUT (If-None-Match) is needed: s3rver has none, and Swift 2.38 lets several that
    race through. Of two processes at once at least one sees the other's lease, and a process that
    sees one deletes its own. So both never hold the lock, but both may fail: then they try again
    after random pauses.
    A lease of another process is watched: if it is renewed, its holder lives and `take` gives up.
    """

    def __init__(
        self,
        client: S3Client,
        key: str,
        where: str,
        timing: Timing,
        names: Callable[[], list[str]],
    ) -> None:
        """`names`: lists the objects beside the key, by the last part of their keys."""
        self._client, self._key, self._where, self._timing = client, key, where, timing
        self._names = names

    def take(self, note: bytes) -> StoreHeartbeat | None:
        """Return a lease that is held until it is closed; None if another holder lives."""
        seen: dict[str, HeartbeatRecord] = {}
        patience = time.monotonic() + 2 * self._timing.dead
        pause = self._timing.renewed / 20
        while time.monotonic() < patience:
            rivals = self._live_leases()
            lease = None if rivals else self._try_lease(note)
            if lease:
                return lease
            if _renewed(seen, rivals):
                return None
            seen = {**rivals, **seen}
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311
            pause = min(2 * pause, self._timing.renewed / 4)
        return None

    def _try_lease(self, note: bytes) -> StoreHeartbeat | None:
        """Put a lease; return it if it is the only one, otherwise delete it."""
        suffix = f".{uuid.uuid4().hex[:8]}"
        lease = StoreHeartbeat(
            self._client, self._key + suffix, self._where + suffix, self._timing, note
        )
        alone = False
        try:
            alone = not self._live_leases(suffix)
        finally:
            if not alone:
                lease.close()
        return lease if alone else None

    def holder(self) -> bytes:
        """Return the note of a live holder; empty where there is none."""
        return next(iter(self.holders()), b"")

    def holders(self) -> list[bytes]:
        """Return the notes of live holders, and of processes that try to become one."""
        return [record.note for record in self._live_leases().values()]

    def _live_leases(self, own: str = "") -> dict[str, HeartbeatRecord]:
        """Return the live leases of other processes; delete dead ones."""
        top = self._key.rpartition("/")[2]
        live: dict[str, HeartbeatRecord] = {}
        for name in self._names():
            end = name.removeprefix(top)
            if end in (name, own) or not end.startswith("."):
                continue  # another object, or this process's own lease
            record = read_heartbeat(self._client, self._key + end, self._where + end)
            if record is not None and record.lives(self._timing):
                live[end] = record
            elif record is not None:
                self._client.call("delete_object", self._where + end, Key=self._key + end)
        return live


def _renewed(before: dict[str, HeartbeatRecord], now: dict[str, HeartbeatRecord]) -> bool:
    """Whether a lease was renewed while it was watched: then its holder lives."""
    return any(before[end].renewed < record.renewed for end, record in now.items() if end in before)
