"""Shows how far a run is: live on a terminal, else as lines of a log."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from compound.orchestrator.cli.printing.live_lines import LiveLines
from compound.orchestrator.cli.printing.output import is_terminal, note
from compound.orchestrator.run.progress import Progress
from compound.orchestrator.timeline.study_progress import (
    StudyProgress,
    job_lines,
    log_line,
    study_lines,
)

_LOG_S, _SAME_S = 30.0, 300.0
"""Seconds between two lines of a log: where something has changed, and where nothing has."""
_PART = 0.1
"""The part of the time since a log began that at least lies between two lines: a day has about 300
lines and not 2,880."""
_PAINT_S = 0.25
"""Seconds between two looks at what the terminal shows."""


@contextmanager
def screen(progress: Progress) -> Iterator[None]:
    """Show the progress of a run until it ends; what is printed meanwhile stands above it."""
    if is_live():
        lines = LiveLines(lambda width, rows: _live(progress.now(), width, rows))
        with lines, _every(_PAINT_S, lines.paint):
            yield
        return
    with _every(1.0, LogLines(progress).write):
        yield


def is_live() -> bool:
    """Whether stderr is a terminal on which lines can be written over.

    A user who wants no colours (no-color.org), or has a terminal without controls, gets plain
    lines.
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") in ("", "dumb")
    return is_terminal(sys.stderr) and not plain


def _live(study: StudyProgress | None, width: int, rows: int) -> list[str]:
    if study is None:
        return []
    below = study_lines(study, width)
    return [*job_lines(study.running, width, rows - len(below)), *below]


class LogLines:
    """Writes at most every 30 s how far a run is, and less often where it got no further."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began = self._at = time.monotonic()
        self._before = ""

    def write(self) -> None:
        """Write a line where it is time for it."""
        now = time.monotonic()
        since, pause = now - self._at, min(max(_LOG_S, _PART * (now - self._began)), _SAME_S)
        study = self._progress.now() if since >= pause else None
        if study is None:
            return
        line = log_line(study._replace(left=None))
        if line != self._before or since >= _SAME_S:
            self._at, self._before = now, line
            note(log_line(study))


@contextmanager
def _every(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    """Do something again and again, in a thread of its own, until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        # A terminal or a reader that has gone away is met by whoever prints next.
        with suppress(OSError):
            while not ended.wait(seconds):
                do()

    thread = threading.Thread(target=repeat, name="compound-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
