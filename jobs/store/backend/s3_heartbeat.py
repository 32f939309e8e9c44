"""Heartbeats in a bucket: objects that a live process writes again and again.

A bucket frees nothing when a process dies. So the holder of a stream or a lock writes an object
beside it every few seconds. The holder counts as dead when that object is too old by the endpoint's
clock, or when it names a process of this machine that has ended.
"""

import json
import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from compound.jobs.process_mark import machine, started
from compound.jobs.store.backend.s3_client import Answer, S3Client
from compound.jobs.store.backend.s3_errors import is_missing
from compound.jobs.store.backend.s3_objects import download, upload
from compound.schemas.errors import StoreError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """How often heartbeats are written, and when a holder counts as dead, in seconds."""

    renewed: float = 5.0
    dead: float = 45.0
    """Longer than an outage that requests are tried again through."""


@dataclass(frozen=True)
class HeartbeatRecord:
    """A heartbeat as it was read."""

    age: float
    """Seconds since it was renewed, by the endpoint's clock."""
    renewed: datetime
    process: dict[str, Any]
    note: bytes

    def lives(self, timing: Timing) -> bool:
        """Whether the process that writes it may still be alive."""
        return self.age <= timing.dead and not _has_ended(self.process)


def read_heartbeat(client: S3Client, key: str, where: str) -> HeartbeatRecord | None:
    """Return a heartbeat; None where there is none."""
    try:
        answer = client.run(lambda: download(client, key, where))
    except StoreError as error:
        if is_missing(error.__cause__):
            return None
        raise
    head, _, note = answer["Body"].partition(b"\n")
    # A foreign or half-written object has no process: its age alone decides.
    process: dict[str, Any] = {}
    with suppress(ValueError):
        process = dict(json.loads(head))
    renewed: datetime = answer["LastModified"]
    return HeartbeatRecord(age_of(answer, renewed), renewed, process, note)


def age_of(answer: Answer, written: datetime) -> float:
    """Return the seconds since, by the endpoint's clock: no other clock need be right.

    Never less than 0, though some endpoints round the time of writing up to whole seconds.
    """
    # The Date header is the clock that LastModified was taken from.
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(date) if date else datetime.now(written.tzinfo)
    return max(0.0, (now - written).total_seconds())


class StoreHeartbeat:
    """Writes a heartbeat until it is closed, then deletes it."""

    def __init__(
        self, client: S3Client, key: str, where: str, timing: Timing, note: bytes = b""
    ) -> None:
        self._client, self._key, self._where = client.within(timing.dead), key, where
        self._timing = timing
        self._content = json.dumps(_this_process()).encode() + b"\n" + note
        self._closing, self._writing = threading.Event(), threading.Lock()
        self._renew()
        # daemon: a worker that ends without close() must not wait for this thread.
        threading.Thread(target=self._beat, name="store-heartbeat", daemon=True).start()

    def _renew(self) -> None:
        self._client.run(lambda: upload(self._client, self._key, self._where, self._content))

    def _beat(self) -> None:
        renewed, warned = time.monotonic(), False
        while not self._closing.wait(self._timing.renewed):
            alive = False
            with self._writing, suppress(StoreError):
                if not self._closing.is_set():
                    self._renew()
                alive = True
            if not warned and time.monotonic() - renewed > self._timing.dead:
                _log.warning("%s: others may have taken this process for dead", self._where)
                warned = True
            if alive:
                renewed, warned = time.monotonic(), False

    def close(self) -> None:
        """Stop writing, and delete the heartbeat; where that fails it ends by its age."""
        self._closing.set()
        # Under the lock: a renewal that is still on its way would put the object again.
        with self._writing, suppress(StoreError):
            self._client.call("delete_object", self._where, Key=self._key)


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    return {"machine": machine(), "pid": pid, "started": started(pid)}


def _has_ended(process: dict[str, Any]) -> bool:
    """Whether it ran on this machine and has ended; unknown, so False, for another machine."""
    if not process.get("machine") or process["machine"] != machine():
        return False
    return bool(started(process.get("pid", 0)) != process.get("started"))
