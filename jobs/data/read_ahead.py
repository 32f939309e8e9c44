"""Reading before it is asked for, so that nobody waits for the way to a bucket and back."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def ahead(read: Callable[[K], V], keys: Iterable[K], at_once: int) -> Iterator[V]:
    """Yield what is read of each key, in their order, with so many reads side by side."""
    if at_once == 1:
        yield from map(read, keys)
        return
    coming: deque[Future[V]] = deque()
    with ThreadPoolExecutor(at_once, "compound-read") as threads:
        try:
            for key in keys:
                coming.append(threads.submit(read, key))
                if len(coming) > 2 * at_once:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


class Expected(Generic[K, V]):
    """Reads what is expected, and hands it out once; what was not expected is read when taken."""

    def __init__(self, read: Callable[[K], V], at_once: int) -> None:
        self._read, self._at_once = read, at_once
        self._coming: dict[K, Future[V]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def begin(self) -> None:
        """Forget what was expected before."""
        for future in self._coming.values():
            future.cancel()
        self._coming.clear()

    def expect(self, keys: Iterable[K]) -> None:
        """Begin to read."""
        self._threads = self._threads or ThreadPoolExecutor(self._at_once, "compound-read")
        for key in keys:
            if key not in self._coming:
                self._coming[key] = self._threads.submit(self._read, key)

    def take(self, key: K) -> V:
        """Return what is read, waiting for it. Whatever reading raises is raised here."""
        future = self._coming.pop(key, None)
        return future.result() if future else self._read(key)
