"""How far a long reading has come, on a terminal only."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from compound.jobs.wording.plain_streams import obeying, write_styled
from compound.jobs.wording.printable import in_line

T = TypeVar("T")
_EVERY = 0.5
"""Seconds between two lines; nothing is written in the first of them."""
_STEP = 256


def progress(items: Iterable[T], total: int | None, doing: str) -> Iterator[T]:
    """Yield the items; on a terminal write `doing 12,000 of 50,000` to one line of stderr.

    `total`: None where nobody knows it yet. The line is removed at the end, and by an error.
    """
    if not obeying(sys.stderr).isatty():
        yield from items
        return
    of_all = "" if total is None else f" of {total:,}"
    due, written = time.monotonic() + _EVERY, 0
    try:
        for number, item in enumerate(items):
            if number % _STEP == 0 and time.monotonic() > due:
                written = _over(written, _fitting(f"{in_line(doing)} {number:,}{of_all}"))
                due = time.monotonic() + _EVERY
            yield item
    finally:
        if written:
            _over(written, "")


def _over(written: int, line: str) -> int:
    """Write a line over one of so many characters; return how many it has itself."""
    # With spaces: a terminal that does not know the control for it would show that.
    write_styled(sys.stderr, f"\r{line.ljust(written)}" + ("" if line else "\r"))
    sys.stderr.flush()
    return len(line)


def _fitting(line: str) -> str:
    """Return a line cut in its middle: one that a terminal wraps could not be written over."""
    # Of the terminal itself: the environment's COLUMNS may be of another. 0: it does not say.
    width = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
    if len(line) <= width:
        return line
    return f"{line[: width // 3]}..{line[len(line) - (width - width // 3 - 2) :]}"
