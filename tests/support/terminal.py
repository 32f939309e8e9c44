"""A real terminal (pty) in place of stdout and stderr, and what arrives there."""

import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from compound.jobs.wording.plain_streams import open_streams
from compound.orchestrator.__main__ import main


def on_terminal(action: Callable[[], object], columns: int = 120) -> str:
    """Return what reaches a terminal of so many columns while an action runs in this process."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    chunks: list[bytes] = []
    # A terminal holds 4 kB: it is read while the action writes.
    reader = threading.Thread(target=lambda: chunks.extend(_chunks(ours)))
    reader.start()
    try:
        with _streams(theirs):
            action()
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    return b"".join(chunks).decode()


def command_on_terminal(*words: str, columns: int = 120) -> str:
    """Return what reaches a terminal of a command that runs in this process."""

    def command() -> None:
        try:
            main(list(words))
        except SystemExit:
            return

    return on_terminal(command, columns)


@contextmanager
def _streams(terminal: int) -> Iterator[None]:
    with (
        open(terminal, "w", encoding="utf-8", closefd=False) as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
    ):
        open_streams()
        yield
        sys.stdout.flush()


def _chunks(terminal: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(terminal, 65536):
            yield chunk
    except OSError:  # EIO: the other side is closed
        return
