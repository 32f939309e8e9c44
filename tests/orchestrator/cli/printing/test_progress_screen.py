"""A run on a real terminal: lines are written over, what needs a look stays, nothing is left."""

import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path

import pytest

from compound.orchestrator.cli.printing import progress_screen
from compound.orchestrator.cli.printing.live_lines import LiveLines
from compound.orchestrator.cli.printing.output import note, say
from compound.orchestrator.cli.printing.progress_screen import is_live
from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.run.progress import Progress
from compound.schemas.job import Event, JobRequest
from tests.support.small_jobs import small_job
from tests.support.small_study import SPEC
from tests.support.terminal import Shown, command_on_terminal, frames, on_terminal

WIDTHS = pytest.mark.parametrize("columns", [80, 40])
_WIDE = 200
"""Columns that hold the path of any test's folder: a terminal breaks a longer word."""


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
    return path


def run(spec: Path, columns: int) -> str:
    words = ("run", str(spec), "--runner", "local", "--no-report")
    return command_on_terminal(*words, columns=columns)


def painted(action: Callable[[LiveLines], None], columns: int = 60) -> str:
    """Return what reaches a terminal while two lines are kept below what an action prints."""

    def painting() -> None:
        with LiveLines(lambda width, rows: ["job " + "x" * width, "study"]) as lines:
            lines.paint()
            action(lines)

    return on_terminal(painting, columns)


@WIDTHS
def test_a_run_shows_its_jobs_and_leaves_the_terminal_as_it_was(spec: Path, columns: int) -> None:
    written = run(spec, columns)
    seen = [line for frame in frames(written, columns) for line in frame]
    assert any(line.startswith("search: ") and " of 8 done, 1 running" in line for line in seen)
    # Which of the jobs are seen is the clock's choice.
    assert any(re.match(r"d\d\.\d\d-w\d\.\d\d-r\d+-s", line) for line in seen)
    shown = Shown(columns).take(written)
    assert shown.as_before
    assert not [line for line in shown.lines if " of 8 done" in line or "waiting" in line]
    text = " ".join(shown.lines)
    assert "search: 8 jobs done in" in text and "family: 2 jobs done in" in text


def test_a_terminal_without_colours_gets_lines(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    written = run(spec, 80)
    assert "\x1b[J" not in written and "search: 8 jobs done in" in written


@pytest.mark.parametrize(
    ("terminal", "live"), [("xterm", True), ("screen", True), ("dumb", False), ("", False)]
)
def test_lines_are_written_over_where_the_terminal_can(
    terminal: str, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", terminal)
    seen: list[bool] = []
    on_terminal(lambda: seen.append(is_live()))
    assert seen == [live]


def test_what_is_printed_stands_above() -> None:
    def action(lines: LiveLines) -> None:
        note("failed", "again")
        lines.paint()
        say("an answer")
        sys.stderr.write("no end of a line")
        lines.paint()
        print("\x1b[2Jhostile")  # noqa: T201

    last = Shown(60).take(painted(action))
    assert last.lines == ["failed", "again", "an answer", "no end of a line", "\\x1b[2Jhostile"]
    assert last.as_before


def test_an_error_leaves_the_terminal_as_it_was() -> None:
    def action(lines: LiveLines) -> None:
        note("before")
        raise KeyboardInterrupt

    def painting() -> None:
        with pytest.raises(KeyboardInterrupt), LiveLines(lambda width, rows: ["study"]) as lines:
            lines.paint()
            action(lines)
        note("after")

    shown = Shown(60).take(on_terminal(painting, 60))
    assert shown.lines == ["before", "after"] and shown.as_before


def test_a_line_is_as_wide_as_the_terminal_is_now() -> None:
    def action(lines: LiveLines) -> None:
        for columns in (30, 100, 24):
            ioctl(sys.stderr.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 9, columns, 0, 0))
            lines.paint()

    written = painted(action)
    jobs = [line for line in written.replace("\r", "\n").split("\n") if "job" in line]
    assert [len(line.rpartition("\x1b[J")[2]) for line in jobs] == [59, 29, 99, 23]


def test_a_log_says_nothing_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_screen, "_LOG_S", 0.0)
    monkeypatch.setattr(progress_screen, "_PART", 0.0)
    jobs = [JobRequest(job=small_job(seed=seed), label=f"job-{seed}") for seed in range(2)]
    progress = Progress(lambda text: None)
    log = progress_screen.LogLines(progress)
    log.write()
    progress.phase(Phase("search", jobs=2, pending=2, requests=jobs))
    log.write()
    log.write()
    progress.event(Event(kind="started", job=jobs[0].job.id, label="job-0", attempt=1))
    log.write()
    assert capsys.readouterr().err.splitlines() == [
        "search: 0 of 2 done, 2 waiting, time left unknown yet",
        "search: 0 of 2 done, 1 running, 1 waiting, time left unknown yet",
    ]


def test_ctrl_c_stops_with_the_command_that_resumes(spec: Path) -> None:
    """A process of its own: the terminal sends SIGINT, and shows ^C itself."""
    command = [sys.executable, "-m", "compound.orchestrator", "run", str(spec), "--runner", "local"]
    command += ["--no-report", "--set", "train.epochs=400", "--set", "seed=3"]
    ours, theirs = os.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, _WIDE, 0, 0))
    child = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, stopped = Shown(_WIDE), False
    try:
        while chunk := os.read(ours, 65536):
            shown.take(chunk.decode(errors="replace"))
            if not stopped and any(" of 400 " in line for line in shown.lines):
                child.send_signal(signal.SIGINT)
                stopped = True
    except OSError:  # EIO: the other side is closed
        os.close(ours)
    assert child.wait() == 130 and shown.as_before
    # A line that is too long goes on behind a backslash, for the shell.
    text = re.sub(r" \\\s+", " ", "\n".join(shown.lines))
    resumes = f"compound run {spec} --set train.epochs=400 --set seed=3 --runner local --no-report"
    assert resumes in text.replace("python -m compound.orchestrator", "compound")
    assert "stopping after the running epochs" in text
