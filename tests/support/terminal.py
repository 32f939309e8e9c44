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

import pyte

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


class Shown:
    """A terminal that has obeyed what was written to it."""

    def __init__(self, columns: int, rows: int = 40) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.5)
        self._stream = pyte.Stream(self.screen)

    def take(self, written: str) -> "Shown":
        self._stream.feed(written)
        return self

    @property
    def lines(self) -> list[str]:
        """What a person sees when scrolling up, without empty lines at the end."""
        columns = range(self.screen.columns)
        above = ["".join(line[x].data for x in columns) for line in self.screen.history.top]
        lines = [line.rstrip() for line in (*above, *self.screen.display)]
        return "\n".join(lines).rstrip().split("\n")

    @property
    def as_before(self) -> bool:
        """Whether the cursor is seen, at the start of a line."""
        return not self.screen.cursor.hidden and self.screen.cursor.x == 0


def frames(written: str, columns: int) -> Iterator[list[str]]:
    """Yield what a terminal shows each time before lines are written over, and at the end."""
    shown = Shown(columns)
    for part in written.replace("\x1b[J", "\0\x1b[J").split("\0"):
        yield shown.take(part).lines


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
