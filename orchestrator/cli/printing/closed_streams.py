"""Streams that nobody reads: a closed pipe (`| head`), or one that was closed from the start."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PIPE_CLOSED = 141
"""Exit code of a program whose reader went away, as a shell reports it: 128 + SIGPIPE."""
_STREAMS = (1, 2)


@contextmanager
def ends_with_its_reader() -> Iterator[None]:
    """End quietly with PIPE_CLOSED where stdout or stderr is a pipe that nobody reads any more.

    Where something else has lost its reader, such as a connection, that BrokenPipeError is raised.
    """
    # Copies: rich points stdout to /dev/null before it raises SystemExit (Console.on_broken_pipe).
    copies = [os.dup(number) for number in _STREAMS if _is_open(number)]
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        broken = _broken_pipe(error)
        if broken is None:
            raise
        if not any(map(_reader_is_gone, copies)):
            raise broken from None
        _silence()
        sys.exit(PIPE_CLOSED)
    finally:
        for copy in copies:
            os.close(copy)


@contextmanager
def unread_output() -> Iterator[None]:
    """Go on where the reader of stdout has gone away (`| head`).

    For commands whose exit code says more than whether all of it was printed.
    """
    try:
        with ends_with_its_reader():
            yield
    except SystemExit as error:
        if error.code != PIPE_CLOSED:
            raise


def drop(number: int) -> None:
    """Send what a stream, by its descriptor, still has to print nowhere.

    Python flushes stdout again at exit, and would print an ignored error there and return 120
    (docs.python.org/3/library/signal.html).
    """
    null = os.open(os.devnull, os.O_WRONLY)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _broken_pipe(error: BaseException) -> BrokenPipeError | None:
    """Return what has raised this; typer and rich turn a BrokenPipeError into SystemExit(1)."""
    for cause in (error, error.__context__):
        if isinstance(cause, BrokenPipeError):
            return cause
    return None


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _reader_is_gone(number: int) -> bool:
    poll = select.poll()
    poll.register(number, 0)  # errors are reported in any case
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _silence() -> None:
    """Let the flush at Python's exit succeed: it would print an ignored BrokenPipeError."""
    for number in _STREAMS:
        drop(number)
