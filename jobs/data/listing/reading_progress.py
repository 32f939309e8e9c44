"""How far a long reading has come, on a terminal only."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_EVERY = 0.5
"""Seconds between two lines; nothing is written in the first of them."""
_STEP = 256


def progress(items: Iterable[T], total: int, doing: str) -> Iterator[T]:
    """Yield the items; on a terminal write `doing 12,000 of 50,000` to one line of stderr."""
    if not sys.stderr.isatty():
        yield from items
        return
    due, written = time.monotonic() + _EVERY, False
    for number, item in enumerate(items):
        if number % _STEP == 0 and time.monotonic() > due:
            sys.stderr.write(f"\r{doing} {number:,} of {total:,}\x1b[K")
            sys.stderr.flush()
            due, written = time.monotonic() + _EVERY, True
        yield item
    if written:
        sys.stderr.write("\r\x1b[K")
