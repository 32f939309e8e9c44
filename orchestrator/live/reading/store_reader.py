"""The one reader of a store in a server: what is known of its studies, each read when asked for."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

import anyio

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.reading.last_known import STEP, LastKnown, Snapshot
from compound.orchestrator.live.reading.listed_studies import StudyRows, read_rows
from compound.orchestrator.live.reading.network_table import StudyNetworks, read_networks
from compound.orchestrator.live.reading.study_drawn import StudyDrawn, read_drawn
from compound.orchestrator.live.reading.study_state import StudyState, read_state

_THREADS = 6
"""Readings at a time: most of a bucket's time is waiting."""
_STUDIES = 24
"""Studies whose state is kept: one of 10,000 jobs takes about 30 MB."""
PATIENCE = 0.1
"""Seconds that a page waits for what is being read, before it shows what was known."""
FIRST = 1.0
"""The same where nothing is known yet."""

V = TypeVar("V")


class _Recent(Generic[V]):
    """The values that were asked for last, by key; the others are forgotten."""

    def __init__(self, make: Callable[[Hashable], V], most: int) -> None:
        self._make, self._most, self._lock = make, most, threading.Lock()
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V:
        with self._lock:
            value = self._values.get(key)
            if value is None:
                value = self._values[key] = self._make(key)
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
            return value


class StoreReader:
    """Reads a store for all pages; nothing is read twice at once, and nothing blocks the server."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._large = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")
        self._studies: LastKnown[StudyRows] = LastKnown(self._list, self._threads, rest=1.0)
        self._states: _Recent[LastKnown[StudyState]] = _Recent(self._state_of, _STUDIES)
        self._networks: _Recent[LastKnown[StudyNetworks]] = _Recent(self._networks_of, _STUDIES)
        self._drawn: _Recent[LastKnown[StudyDrawn]] = _Recent(self._drawn_of, _STUDIES)

    def close(self) -> None:
        """Forget what waits to be read; what is being read ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def opened(self) -> ArtifactStore:
        """Open the store for reading. StoreError: it is not there, or of a newer schema."""
        return ArtifactStore.open(self.uri, create=False)

    async def studies(self) -> Snapshot[StudyRows]:
        """Return all studies, as far as they have been read."""
        return await _patient(self._studies)

    async def state(self, study: str) -> Snapshot[StudyState]:
        """Return where a study stands."""
        return await _patient(self._states.get(study))

    async def networks(self, study: str) -> Snapshot[StudyNetworks]:
        """Return the networks of a study."""
        return await _patient(self._networks.get(study), 0.0)

    async def drawn(self, study: str, first: float = FIRST) -> Snapshot[StudyDrawn]:
        """Return what the charts of a study are drawn from.

        `first`: seconds to wait for it where it has never been read.
        """
        return await _patient(self._drawn.get(study), 0.0, first)

    async def once(self, read: Callable[[ArtifactStore], V]) -> V:
        """Read something that is not kept, such as a job's rows; errors are raised."""
        future = self._threads.submit(lambda: read(self.opened()))
        while not future.done():
            await anyio.sleep(STEP)
        return future.result()

    def _list(self, before: StudyRows | None) -> StudyRows:
        return read_rows(self.opened(), before)

    def _state_of(self, study: Hashable) -> LastKnown[StudyState]:
        return LastKnown(partial(self._read_state, str(study)), self._threads)

    def _networks_of(self, study: Hashable) -> LastKnown[StudyNetworks]:
        def read(before: StudyNetworks | None) -> StudyNetworks:
            return read_networks(self.opened(), str(study), before)

        return LastKnown(read, self._threads)

    def _drawn_of(self, study: Hashable) -> LastKnown[StudyDrawn]:
        def read(before: StudyDrawn | None) -> StudyDrawn:
            store, name = self.opened(), str(study)
            # All documents of ten thousand jobs take 400 MB: a study at a time.
            with self._large:
                return self._draw(store, name, before)

        return LastKnown(read, self._threads)

    def _draw(self, store: ArtifactStore, study: str, before: StudyDrawn | None) -> StudyDrawn:
        state = self._states.get(study).now().value or read_state(store, study, None)
        return read_drawn(store, state, before)

    def _read_state(self, study: str, before: StudyState | None) -> StudyState:
        return read_state(self.opened(), study, before)


async def _patient(
    value: LastKnown[V], patience: float = PATIENCE, first: float = FIRST
) -> Snapshot[V]:
    return await value.get(patience if value.now().value is not None else first)
