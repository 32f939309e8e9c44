"""How long the training loop waits for its data."""

import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Watch:
    """Adds up the seconds that the loop spends in asking for the next batch."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def restart(self) -> None:
        """Begin at zero again."""
        self.seconds = 0.0

    def next(self, batches: Iterator[T]) -> T:
        """Return the next batch, and count how long that took."""
        asked = time.perf_counter()
        batch = next(batches)
        self.seconds += time.perf_counter() - asked
        return batch
