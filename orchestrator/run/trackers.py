"""Sends a study's rows to trackers, TensorBoard or mlflow, without slowing the study down.

Data go one way: an event says that a job has a new row, and the rows that are sent are the store's.
Each tracker has a thread of its own, for which the study does not wait. A tracker that fails, or
does not keep up, causes one warning and gets nothing more; the store has all rows.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Protocol

from compound.jobs.runtime.distribution import extra
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.errors import SpecError
from compound.schemas.job import EpochRow, Event
from compound.schemas.study import AnySpec, Tracker

_MOST = 10_000
"""Events that may wait for a tracker: hours of a busy study."""
_PATIENCE = 10.0
"""Seconds that the end of a run waits for trackers to receive the remaining rows."""


class Run(Protocol):
    """One job in a tracker."""

    def last_epoch(self) -> int:
        """The last epoch that an earlier call has sent; 0 for none."""

    def add(self, rows: Sequence[EpochRow]) -> None:
        """Take rows, in the order of their epochs, none twice."""

    def close(self, status: str) -> None:
        """The job has ended, or is no longer followed: done, failed or stopped."""


class Client(Protocol):
    """A client of a tracker."""

    def run(self, job: str, label: str) -> Run:
        """Begin a job, or continue it."""


Opens = Callable[[str], Client]
"""Makes a client for a study of that name; called in the tracker's thread."""


def check(spec: AnySpec) -> None:
    """Refuse trackers whose clients are not installed. SpecError says what to install."""
    for name in spec.trackers:
        installed = find_spec(name)
        if installed is None or installed.origin is None:  # a folder of that name is no client
            raise SpecError(
                f"the client of {name} is not installed here",
                where="trackers",
                next_step=f"{extra(name)}, or leave {name} out",
            )


class Trackers:
    """The trackers of one run of a study."""

    def __init__(
        self,
        study: str,
        store: ArtifactStore,
        opens: Mapping[Tracker, Opens],
        warn: Callable[[str], None],
    ) -> None:
        self._threads = [_Thread(name, study, store, open_, warn) for name, open_ in opens.items()]

    def event(self, event: Event) -> None:
        """Pass an event to every tracker; return at once."""
        for thread in self._threads:
            thread.take(event)

    def close(self, patience: float = _PATIENCE) -> None:
        """Let trackers receive the remaining rows, for `patience` seconds at most in total."""
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.finish()
        for thread in self._threads:
            thread.close(deadline)


class _Thread:
    """One tracker, and the thread that sends rows to it."""

    def __init__(
        self,
        name: str,
        study: str,
        store: ArtifactStore,
        opens: Opens,
        warn: Callable[[str], None],
    ) -> None:
        self._name, self._study, self._store = name, study, store
        self._opens, self._warn = opens, warn
        self._events: queue.Queue[Event | None] = queue.Queue(_MOST)
        self._abandoned, self._deciding = False, threading.Lock()
        self._runs: dict[str, _Followed] = {}
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Pass an event to the thread."""
        if not self._abandoned and event.kind in ("epoch", "ended"):
            self._put(event)

    def finish(self) -> None:
        """Announce that no more events come."""
        self._put(None)

    def close(self, deadline: float) -> None:
        """Wait until all rows are sent, or until the deadline."""
        if not self._abandoned:
            self._thread.join(max(deadline - time.monotonic(), 0))
            if self._thread.is_alive():
                self._give_up("does not answer")

    def _put(self, event: Event | None) -> None:
        """Queue an event; give the tracker up where too many wait."""
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._give_up("does not keep up")

    def _give_up(self, why: str) -> None:
        with self._deciding:
            first, self._abandoned = not self._abandoned, True
        if first:
            text = f"the tracker {self._name} {why}, and gets no more rows"
            self._warn(f"{text}; all are in the store")

    def _work(self) -> None:
        try:
            client = self._opens(self._study)
            while (event := self._events.get()) is not None and not self._abandoned:
                self._send(client, event)
            for run in self._runs.values():
                run.close("stopped")
        except Exception as error:
            first = str(error).strip().partition("\n")[0][:200]
            self._give_up(f"has failed ({type(error).__name__}: {first})")

    def _send(self, client: Client, event: Event) -> None:
        run = self._runs.get(event.job)
        if run is None:
            run = _Followed(client.run(event.job, event.label), self._store, event.job)
            self._runs[event.job] = run
        if event.kind == "epoch":
            run.reach(event.row)
            return
        run.reach(None)
        run.close(event.result.status if event.result else "stopped")
        del self._runs[event.job]


class _Followed:
    """A job in a tracker, with the last epoch that it has."""

    def __init__(self, run: Run, store: ArtifactStore, job: str) -> None:
        self._run, self._store, self._job = run, store, job
        self._last = run.last_epoch()

    def reach(self, row: EpochRow | None) -> None:
        """Send the new rows up to this one, or all rows for None.

        An attempt that resumes trains some epochs again, to the same numbers: these are left out.
        A row that does not follow the last one shows a gap, which is filled from the store.
        """
        if row and row.epoch == self._last + 1:
            self._add([row])
        elif row is None or row.epoch > self._last:
            self._add(row for row in self._store.rows(self._job) if row.epoch > self._last)

    def _add(self, rows: Iterable[EpochRow]) -> None:
        new = list(rows)
        if new:
            self._run.add(new)
            self._last = new[-1].epoch

    def close(self, status: str) -> None:
        """Close the job."""
        self._run.close(status)
