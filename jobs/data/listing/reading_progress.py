"""How far a long reading has come, on a terminal only."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_EVERY = 0.5
"""Seconds between two lines; nothing is written in the first of them."""
_STEP = 256


def progress(items: Iterable[T], total: int | None, doing: str) -> Iterator[T]:
    """Yield the items; on a terminal write `doing 12,000 of 50,000` to one line of stderr.

    `total`: None where nobody knows it yet. The line is removed at the end, and by an error.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    of_all = "" if total is None else f" of {total:,}"
    due, written = time.monotonic() + _EVERY, False
    try:
        for number, item in enumerate(items):
            if number % _STEP == 0 and time.monotonic() > due:
                sys.stderr.write(f"\r{_fitting(f'{doing} {number:,}{of_all}')}\x1b[K")
                sys.stderr.flush()
                due, written = time.monotonic() + _EVERY, True
            yield item
    finally:
        if written:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _fitting(line: str) -> str:
    """Return a line cut in its middle: one that a terminal wraps could not be written over."""
    # Of the terminal itself: the environment's COLUMNS may be of another. 0: it does not say.
    width = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
    if len(line) <= width:
        return line
    return f"{line[: width // 3]}..{line[len(line) - (width - width // 3 - 2) :]}"
