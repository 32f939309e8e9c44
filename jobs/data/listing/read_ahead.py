"""Reading files before they are needed, which hides the latency of a bucket."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def read_ahead(read: Callable[[K], V], keys: Iterable[K], parallel: int) -> Iterator[V]:
    """Yield the value of each key in order, with so many reads at the same time."""
    if parallel == 1:
        yield from map(read, keys)
        return
    pending: deque[Future[V]] = deque()
    with ThreadPoolExecutor(parallel, "compound-read") as threads:
        try:
            for key in keys:
                pending.append(threads.submit(read, key))
                if len(pending) > 2 * parallel:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            # A caller that stops early must not wait for reads whose values it will not use.
            threads.shutdown(wait=False, cancel_futures=True)


class Prefetcher(Generic[K, V]):
    """Reads keys in advance and returns each value once; other keys are read when taken."""

    def __init__(self, read: Callable[[K], V], parallel: int) -> None:
        self._read, self._parallel = read, parallel
        self._pending: dict[K, Future[V]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def reset(self) -> None:
        """Cancel the reads that were not taken."""
        for future in self._pending.values():
            future.cancel()
        self._pending.clear()

    def prefetch(self, keys: Iterable[K]) -> None:
        """Start to read these keys."""
        self._threads = self._threads or ThreadPoolExecutor(self._parallel, "compound-read")
        for key in keys:
            if key not in self._pending:
                self._pending[key] = self._threads.submit(self._read, key)

    def take(self, key: K) -> V:
        """Return the value of a key; wait until it is read. Errors of the read are raised here."""
        future = self._pending.pop(key, None)
        return future.result() if future else self._read(key)
