"""A value of a store that is read in the background; who asks gets the last one at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from compound.jobs.wording.machine_errors import in_words
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import CompoundError

T = TypeVar("T")

_REST = 4.0
"""A value is read again after so many times what reading it took: a slow bucket, or a study of ten
thousand jobs, is not read all the time."""
_LEAST = 1.0
STEP = 0.01
"""Seconds between two looks whether a reading has ended."""


class NotReadYetError(CompoundError):
    """The store has not answered yet."""


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """What is known of a value at a moment."""

    value: T | None = None
    """The last that was read; None: none yet."""
    read: float = 0.0
    """When, in seconds since 1970."""
    error: CompoundError | None = None
    """Why the newest reading failed; None: it did not."""
    reading: float = 0.0
    """For how many seconds it has been read again by now; 0: it is not being read."""


class LastKnown(Generic[T]):
    """Reads one value again when it is asked for and may have changed.

    A reading that never ends costs one thread; all others go on to answer with what is known.
    """

    def __init__(
        self, read: Callable[[T | None], T], threads: Executor, rest: float = _REST
    ) -> None:
        """`read`: takes the last value, and returns the newest: the same object if none is new.

        `rest`: how many times what a reading took passes until the next.
        """
        self._read, self._threads, self._lock = read, threads, threading.Lock()
        self._rest = rest
        self._snapshot: Snapshot[T] = Snapshot()
        self._began: float | None = None
        self._due = 0.0

    async def get(self, patience: float) -> Snapshot[T]:
        """Return what is known; wait at most so many seconds for a reading that has begun."""
        self._begin()
        # Steps of sleep and no asyncio.Future: the reading outlives the loop of a closed server.
        until = time.monotonic() + patience
        while self._began is not None and time.monotonic() < until:
            await anyio.sleep(STEP)
        return self.now()

    def now(self) -> Snapshot[T]:
        """Return what is known, without reading."""
        snapshot, began = self._snapshot, self._began
        seconds = 0.0 if began is None else max(time.monotonic() - began, STEP)
        return Snapshot(snapshot.value, snapshot.read, snapshot.error, seconds)

    def _begin(self) -> None:
        with self._lock:
            if self._began is not None or time.monotonic() < self._due:
                return
            self._began = time.monotonic()
        self._threads.submit(self._refresh)

    def _refresh(self) -> None:
        # When the value was read is when its reading began: it may have changed since.
        began, moment, before = time.monotonic(), time.time(), self._snapshot
        try:
            snapshot = Snapshot(self._read(before.value), moment)
        except Exception as error:
            snapshot = Snapshot(before.value, before.read, _in_words(error))
        self._snapshot, ended = snapshot, time.monotonic()
        self._due = ended + max(_LEAST, self._rest * (ended - began))
        self._began = None


def _in_words(error: Exception) -> CompoundError:
    """Return an error as a sentence: a page shows no traceback."""
    refused = in_words(error)
    if refused is not None:
        return refused
    problem = f"internal error: {type(error).__name__}: {error}"
    return CompoundError(problem, next_step=command("dashboard", debug=True))
