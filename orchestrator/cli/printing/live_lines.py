"""The last lines of a terminal, written over as they change; what is printed stands above them.

The cursor is neither hidden nor moved elsewhere than to these lines, so that a process that is
killed leaves the terminal as it was.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TextIO

from compound.jobs.wording.plain_streams import PlainStream, obeying, write_styled
from compound.jobs.wording.printable import in_line

Frame = Callable[[int, int], list[str]]
"""Returns the lines to show in so many columns, and rows."""
_SPARE_ROWS = 2
"""Rows that lines above always have."""
_NARROW, _WIDE = 20, 160


class LiveLines:
    """Shows a frame of lines below all that is printed to stdout and stderr."""

    def __init__(self, frame: Frame) -> None:
        """Change nothing yet. `frame` is called when the terminal is painted."""
        self._frame = frame
        self._above: deque[str] = deque()
        self._painted: list[str] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._terminal, self._streams = sys.stderr, (sys.stdout, sys.stderr)
        if obeying(sys.stdout).isatty():
            sys.stdout = _above(sys.stdout, self._above)
        sys.stderr = _above(sys.stderr, self._above)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the frame; what is printed afterwards follows what was printed before."""
        sys.stdout, sys.stderr = self._streams
        self._frame = _nothing
        # A terminal that has gone away is met by whoever prints next.
        with suppress(OSError):
            self.paint()

    def paint(self) -> None:
        """Write what was printed since, and the frame anew where either has changed."""
        with self._lock:
            columns, rows = _size(self._terminal)
            width = min(max(columns - 1, _NARROW), _WIDE)
            lines = [in_line(line)[:width] for line in self._frame(width, rows - _SPARE_ROWS)]
            above = self._printed()
            if above or lines != self._painted:
                write_styled(self._terminal, _over(self._painted, above, lines))
                self._terminal.flush()
                self._painted = lines

    def _printed(self) -> str:
        """Take what was printed; an unfinished line gets an end, so that the frame begins anew."""
        text = ""
        while self._above:
            text += self._above.popleft()
        return text if not text or text.endswith("\n") else f"{text}\n"


class _Above(PlainStream):
    """A stream whose text is printed when the terminal is painted next."""

    def __init__(self, stream: TextIO, name: str, texts: deque[str]) -> None:
        super().__init__(stream, name)
        self._texts = texts

    def write_styled(self, text: str) -> int:
        """Keep text; also where a signal's handler writes while the terminal is painted."""
        self._texts.append(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: what is kept is printed within the next moments."""


def _above(stream: TextIO, texts: deque[str]) -> TextIO:
    name = "stdout" if stream is sys.stdout else "stderr"
    return _Above(obeying(stream), name, texts)  # type: ignore[return-value]


def _nothing(width: int, rows: int) -> list[str]:
    return []


def _size(stream: TextIO) -> tuple[int, int]:
    """Return columns and rows of a terminal; one that does not say has 80 and 24."""
    size = os.get_terminal_size(stream.fileno())
    return size.columns or 80, size.lines or 24


def _over(before: list[str], above: str, lines: list[str]) -> str:
    """Return what replaces the lines before, with the cursor at the start of the last line.

    There Ctrl-C, which a terminal shows as ^C, makes no line longer.
    """
    up = f"\x1b[{len(before) - 1}A" if len(before) > 1 else ""
    text = "\n".join(lines)
    return f"\r{up}\x1b[J{above}{text}" + ("\r" if lines else "")
