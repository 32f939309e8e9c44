"""What holds something in a bucket: growing objects with one writer, and locks."""

import random
import time
import uuid
from collections.abc import Callable

from compound.jobs.store.backend.s3_client import S3Client
from compound.jobs.store.backend.s3_heartbeat import Sign, StoreHeartbeat, Timing, look
from compound.jobs.store.backend.s3_objects import upload


class S3Stream:
    """An object that every write replaces as a whole, and the sign of life of its writer."""

    def __init__(self, client: S3Client, key: str, where: str, timing: Timing) -> None:
        self.size = 0
        self._client, self._key, self._where = client, key, where
        self._data = b""
        self._put(b"")
        self._pulse = StoreHeartbeat(client, pulse_of(key), pulse_of(where), timing)

    def write(self, data: bytes) -> None:
        """Append all of it. StoreError: it may be there or not, until the next write."""
        grown = self._data + data
        self._put(grown)
        self._data, self.size = grown, len(grown)

    def _put(self, data: bytes) -> None:
        self._client.run(lambda: upload(self._client, self._key, self._where, data))

    def close(self) -> None:
        """Let go of the object."""
        self._pulse.close()


def pulse_of(key: str) -> str:
    """Return the key of the sign of life beside a stream."""
    return f"{key}.pulse"


class Leases:
    """Locks on one key: each asker puts a lease of its own name, then looks for others.

    Of two askers at once either sees the other's lease, or both do; those who see one give way.
    So both never hold, and both may give way: then they ask again after pauses of chance. A lease
    that is found is watched: once renewed its holder lives; gone or too old, it is in no one's way.
    """

    def __init__(
        self,
        client: S3Client,
        key: str,
        where: str,
        timing: Timing,
        names: Callable[[], list[str]],
    ) -> None:
        """`names`: lists the objects that lie beside the key, by the last part of their keys."""
        self._client, self._key, self._where, self._timing = client, key, where, timing
        self._names = names

    def take(self, note: bytes) -> StoreHeartbeat | None:
        """Return a lease that is held until it is closed; None if another holder lives."""
        seen: dict[str, Sign] = {}
        patience = time.monotonic() + 2 * self._timing.dead
        pause = self._timing.renewed / 20
        while time.monotonic() < patience:
            others = self._others()
            lease = None if others else self._asked(note)
            if lease:
                return lease
            if _renewed(seen, others):
                return None
            seen = {**others, **seen}
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311
            pause = min(2 * pause, self._timing.renewed / 4)
        return None

    def _asked(self, note: bytes) -> StoreHeartbeat | None:
        """Put a lease; return it if it is the only one, else take it away."""
        mine = f".{uuid.uuid4().hex[:8]}"
        lease = StoreHeartbeat(
            self._client, self._key + mine, self._where + mine, self._timing, note
        )
        alone = False
        try:
            alone = not self._others(mine)
        finally:
            if not alone:
                lease.close()
        return lease if alone else None

    def holder(self) -> bytes:
        """Return the note of a live holder; empty where there is none."""
        return next((sign.note for sign in self._others().values()), b"")

    def _others(self, mine: str = "") -> dict[str, Sign]:
        """Return the leases of others that live; dead ones are cleared away."""
        top = self._key.rpartition("/")[2]
        found: dict[str, Sign] = {}
        for name in self._names():
            end = name.removeprefix(top)
            if end in (name, mine) or not end.startswith("."):
                continue  # another object, or one's own
            sign = look(self._client, self._key + end, self._where + end)
            if sign is not None and sign.lives(self._timing):
                found[end] = sign
            elif sign is not None:
                self._client.ask("delete_object", self._where + end, Key=self._key + end)
        return found


def _renewed(before: dict[str, Sign], now: dict[str, Sign]) -> bool:
    """Whether a lease was renewed while it was watched: then it lives."""
    return any(before[end].renewed < sign.renewed for end, sign in now.items() if end in before)
