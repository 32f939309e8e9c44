"""stdin, stdout and stderr as they are at the start, made safe to print to."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TextIO, cast

from compound.jobs.wording.printable import printable


class PlainStream:
    """A stream that escapes what a terminal would obey, whoever writes it.

    Commands, log records, warnings, tracebacks and a user's own code write to sys.stdout and
    sys.stderr, and none of them knows where its texts come from. Newlines stay.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self.obeying, self._name = stream, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.obeying, name)

    def isatty(self) -> bool:
        """Return False: who asks wants to send colours (click, rich), which would be escaped."""
        return False

    def write(self, text: str) -> int:
        """Write text; OSError with the stream's name as its path."""
        return self.write_styled(printable(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts; nothing is added between them."""
        self.write("".join(lines))

    def write_styled(self, text: str) -> int:
        """Write text whose control sequences are our own."""
        with named(self._name):
            return self.obeying.write(text)

    def flush(self) -> None:
        """Write what is buffered; OSError with the stream's name as its path."""
        with named(self._name):
            self.obeying.flush()


def write_styled(stream: TextIO, text: str) -> None:
    """Write text whose control sequences are our own; all else in it has been made printable."""
    writer = stream.write_styled if isinstance(stream, PlainStream) else stream.write
    writer(text)


def obeying(stream: TextIO) -> TextIO:
    """Return the stream that obeys control sequences, to learn what it is."""
    return stream.obeying if isinstance(stream, PlainStream) else stream


@contextmanager
def named(name: str) -> Iterator[None]:
    """Give an OSError, which knows no path of a stream, the stream's name as its path."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or name
        raise


def open_streams() -> None:
    """Open what is closed, and print what a stream has no letters for as its escapes."""
    _fill_gaps()
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = _plain(sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False), "stdout")
    sys.stderr = _plain(sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False), "stderr")


def _plain(stream: TextIO, name: str) -> TextIO:
    if isinstance(stream, PlainStream):
        return stream
    if isinstance(stream, TextIOWrapper):
        # A locale such as ISO-8859-1 has no letters for many names and signs.
        stream.reconfigure(errors="backslashreplace")
    return cast(TextIO, PlainStream(stream, name))


def _fill_gaps() -> None:
    """Keep 0, 1 and 2 from files: a parent that closed them (`>&-`) would have what is printed
    written into the next file that is opened."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is the one that open() returns.
            os.open(os.devnull, os.O_RDWR)
