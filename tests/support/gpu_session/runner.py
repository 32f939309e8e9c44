"""Runs parts one after another, each in a process that is killed when its time is over."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.support.gpu_session.parts import Part
from tests.support.gpu_session.recorder import Figure

_ROOT = Path(__file__).parents[3]
_TAIL = 1500
"""Characters of a failed part's stderr that are kept."""

Line = dict[str, Any]


class Child:
    """The process of one part: it imports at once, and begins when it is told to."""

    def __init__(self, part: Part, kind: str, trace: Path | None) -> None:
        self.part = part
        self._figures: list[Figure] = []
        self._ended, self._error = False, ""
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - as long as it
        command = [sys.executable, "-m", "benchmarks.gpu.child", part.name, kind]
        self._process = subprocess.Popen(
            [*command, *([str(trace)] if trace else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=_ROOT,
            start_new_session=True,
        )

    def run(self, limit: float) -> Line:
        """Let the part begin; return its line of the session after at most `limit` seconds."""
        started = time.monotonic()
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        assert self._process.stdin
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._error = "the process ended while it imported"
        try:
            reader.join(limit)
            seconds = time.monotonic() - started
            if not self._ended and not self._error:
                late = reader.is_alive()
                self._error = f"killed after {limit:.0f} s" if late else "the process died"
        finally:
            self.end()
        reader.join(5)
        return self._line(seconds)

    def end(self) -> None:
        """Kill the process and whatever it started; only its own process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            content = json.loads(line)
            if "end" in content:
                self._ended, self._error = True, content["end"]
                return
            self._figures.append(Figure.model_validate(content))

    def _line(self, seconds: float) -> Line:
        wrong = [figure.name for figure in self._figures if figure.ok is False]
        line: Line = {
            "part": self.part.name,
            "title": self.part.title,
            "ok": not (self._error or wrong),
            "seconds": round(seconds, 1),
            "expected": {
                figure.name: figure.expected for figure in self._figures if figure.expected
            },
            "measured": {figure.name: figure.value for figure in self._figures},
        }
        unjudged = [f.name for f in self._figures if f.expected and f.ok is None]
        line |= {"wrong": wrong} if wrong else {}
        line |= {"unjudged": unjudged} if unjudged else {}
        if self._error:
            self._errors.seek(0)
            line |= {"error": self._error, "stderr": self._errors.read()[-_TAIL:]}
        return line


class Queue:
    """Children in turn; the next one imports while one runs."""

    def __init__(self, parts: tuple[Part, ...], kind: str, trace: Path | None) -> None:
        self._parts, self._kind, self._trace = list(parts), kind, trace
        self._next: Child | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave no process behind."""
        if self._next:
            self._next.end()

    def take(self) -> Child | None:
        """Return the next child, and start the one after it; None after the last."""
        child = self._next
        self._start()
        return child

    def _start(self) -> None:
        part = self._parts.pop(0) if self._parts else None
        self._next = Child(part, self._kind, self._trace) if part else None
