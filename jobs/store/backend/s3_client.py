"""Requests to one bucket, each tried again until it is answered or the time limit ends.

The session, its keys and the thread with the event loop are those of s3fs. The loop of attempts is
our own, in place of botocore's and s3fs's, so that one time limit covers all attempts.
"""

import asyncio
import logging
import os
import random
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from fsspec.asyn import get_loop, sync
from s3fs import S3FileSystem

from compound.jobs.store.backend.s3_errors import Request, Truncated, is_transient, store_error
from compound.schemas.errors import StoreError

_log = logging.getLogger(__name__)

PATIENCE = "COMPOUND_S3_PATIENCE"
"""The environment variable with the seconds that a request is tried again for."""

_DEFAULT_PATIENCE = 120.0
_LAST_CHANCE = 5.0
"""Seconds that a request has when the requests before it have used up the limit."""

_CONFIG = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "max_pool_connections": 16,
    # One attempt: botocore's own retries would multiply with ours, and have no time limit.
    "retries": {"mode": "standard", "total_max_attempts": 1},
    # botocore 1.36 sends CRC checksums by default (boto/botocore#3277), which many other endpoints
    # refuse (boto/boto3#4400). We send Content-MD5, which every endpoint checks.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
_AT_ONCE = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

T = TypeVar("T")
Answer = dict[str, Any]


def configured_patience() -> float:
    """Return the seconds that requests are tried again for. StoreError: not a number above 0."""
    value = os.environ.get(PATIENCE)
    try:
        seconds = float(value) if value else _DEFAULT_PATIENCE
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise StoreError(f"{PATIENCE} is not a number of seconds", allowed="120, for instance")
    return seconds


class S3Client:
    """Sends requests to one bucket. It works from any thread, and in a forked process."""

    def __init__(self, bucket: str, patience: float, sessions: "Sessions | None" = None) -> None:
        self.bucket, self._patience = bucket, patience
        self._sessions = sessions or Sessions()
        self._endpoint = ""
        self._failing_since: float | None = None

    def within(self, patience: float) -> "S3Client":
        """Return a client of the same session with another time limit, in seconds."""
        return S3Client(self.bucket, patience, self._sessions)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine on the thread with the loop, and wait for it."""
        done: T = sync(get_loop(), work)
        return done

    def call(
        self, action: str, where: str, most: int | None = None, /, **parameters: Any
    ) -> Answer:
        """Send a request, and wait for the answer; see `call_async`."""
        return self.run(lambda: self.call_async(action, where, most, **parameters))

    async def call_async(
        self, action: str, where: str, most: int | None = None, /, **parameters: Any
    ) -> Answer:
        """Send a request until it is answered; return the answer with the whole of its `Body`.

        `most`: a body of more bytes is not read; then `Body` is None.
        StoreError: the time limit ended, or the endpoint refuses; see `code_of` of its cause.
        """

        async def attempt() -> Answer:
            answer: Answer = await getattr(client, action)(Bucket=self.bucket, **parameters)
            return {**answer, "Body": await _whole(answer, most)} if "Body" in answer else answer

        try:
            # Not within an attempt: opening the session takes time that is not the endpoint's.
            client = await self._sessions.current().set_session()
            self._endpoint = client.meta.endpoint_url
            return await self._persist(attempt)
        except Exception as error:
            request = Request(action, self.bucket, where, self._endpoint)
            raise store_error(error, request) from error

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it succeeds, until an error is final, or until the time limit ends."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        before: Exception | None = None
        while True:
            rest = self._deadline(began) - time.monotonic()
            try:
                answer = await asyncio.wait_for(attempt(), max(rest, 0.01))
            except Exception as error:
                transient = is_transient(error)
                self._failing_since = (self._failing_since or began) if transient else None
                if not transient or self._deadline(began) - time.monotonic() <= pause:
                    if before and isinstance(error, TimeoutError):
                        # The last attempt had too little time to fail for a reason of its own.
                        raise before from None
                    raise
                before = error
                _log.debug("trying again after %s", type(error).__name__)
            else:
                self._failing_since = None
                return answer
            # Random, so that many workers do not come back at once after an outage.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _deadline(self, began: float) -> float:
        """An outage uses up one time limit for all requests, not one for each of them."""
        since = began if self._failing_since is None else min(began, self._failing_since)
        return max(since + self._patience, began + min(self._patience, _LAST_CHANCE))


class Sessions:
    """The s3fs session of each process: a forked child cannot share sockets and threads."""

    def __init__(self) -> None:
        self._by_pid: dict[int, S3FileSystem] = {}

    def current(self) -> S3FileSystem:
        """Return the session of this process."""
        pid = os.getpid()
        if pid not in self._by_pid:
            loop = get_loop()
            # asynchronous: otherwise s3fs closes the session itself, in a forked child too, where
            # the sockets are the parent's (fork: fsspec/filesystem_spec#417).
            session = S3FileSystem(
                asynchronous=True,
                loop=loop,
                # fsspec gives one instance to all equal arguments: closing ours would close it for
                # a user's own code.
                skip_instance_cache=True,
                # A remembered listing lacks what other writers have put since.
                use_listings_cache=False,
                config_kwargs=_CONFIG,
            )
            self._by_pid[pid] = session
            weakref.finalize(self, _close, pid, loop, session)
        return self._by_pid[pid]


async def gather_limited(
    calls: Iterable[Callable[[], Awaitable[T]]], at_once: int = _AT_ONCE
) -> list[T]:
    """Run coroutines, several at once. The first error cancels the rest."""
    slots = asyncio.Semaphore(at_once)

    async def limited(call: Callable[[], Awaitable[T]]) -> T:
        async with slots:
            return await call()

    tasks: Sequence[asyncio.Task[T]] = [asyncio.ensure_future(limited(call)) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _whole(answer: Answer, most: int | None) -> bytes | None:
    """Return all bytes of a body, None for more than `most`. Truncated: fewer than announced."""
    # Not left to aiohttp alone: a body that was cut off must be asked for again, never used.
    async with answer["Body"] as body:
        if most is not None and answer.get("ContentLength", 0) > most:
            return None
        data = await _read(body, None if "ContentLength" in answer else most)
        if most is not None and len(data) > most:
            return None
    if len(data) != answer.get("ContentLength", len(data)):
        raise Truncated(f"{len(data)} of {answer['ContentLength']} bytes")
    return data


async def _read(body: Any, most: int | None) -> bytes:
    """Return a body; of an endpoint that does not say how long it is, a byte more than `most`."""
    if most is None:
        whole: bytes = await body.read()
        return whole
    data = bytearray()
    while len(data) <= most and (part := await body.read(most + 1 - len(data))):
        data += part
    return bytes(data)


def _close(pid: int, loop: asyncio.AbstractEventLoop, session: S3FileSystem) -> None:
    """Close a session's sockets, in the process that they belong to."""
    # In a forked child these are the parent's sockets: closing them would break its requests.
    if pid != os.getpid() or session._s3 is None or not loop.is_running():
        return
    closing = asyncio.run_coroutine_threadsafe(session._s3.close(), loop)
    # A finalizer may run in the loop's own thread: waiting there would block the loop for ever.
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is not loop:
        _wait_for(closing)


def _wait_for(closing: Any) -> None:
    try:
        closing.result(timeout=1)
    except Exception as error:
        _log.debug("the session was not closed: %s", type(error).__name__)
