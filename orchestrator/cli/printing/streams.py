"""stdin, stdout and stderr as they are at the start, made safe to print to."""

import os
import sys
from io import TextIOWrapper


def open_streams() -> None:
    """Open what is closed, and print what a stream has no letters for as its escapes."""
    _fill_gaps()
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A locale such as ISO-8859-1 has no letters for many names and signs.
            stream.reconfigure(errors="backslashreplace")


def _fill_gaps() -> None:
    """Keep 0, 1 and 2 from files: a parent that closed them (`>&-`) would have what is printed
    written into the next file that is opened."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is the one that open() returns.
            os.open(os.devnull, os.O_RDWR)
