"""How far a run is, from the events of its jobs: what a terminal or a log shows of it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.run.job_board import JobBoard, higher
from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.timeline.study_progress import StudyProgress, end_line
from compound.orchestrator.wording.numbers import counted, duration
from compound.schemas.job import Event, JobResult

_SETTLING = 5
"""Seconds in which every job waits, which is no news."""
_ALIKE = 5
"""Failures of one cause, and notes of one text, that are shown; the rest is counted."""


class Progress:
    """Knows how far a run is; shows phases, failures, retries and waits at once."""

    def __init__(
        self,
        write: Callable[[str], None],
        planned: Callable[[], Sequence[Line]] = tuple,
        spent: Callable[[], str] = str,
        following: Callable[[str], str] = lambda title: "",
    ) -> None:
        """`write` shows a line that stays; `planned`: the study's jobs; `spent`: hours, money.

        `following` says which phases come after the one with a title.
        """
        self._write, self._planned, self._spent = write, planned, spent
        self._following = following
        # A screen asks from a thread of its own.
        self._lock = threading.Lock()
        self._phase: Phase | None = None
        self._board = JobBoard((), ())
        self._best: float | None = None
        self._began = 0.0
        self._alike = Counter[str]()

    def phase(self, phase: Phase) -> None:
        """Begin a phase; show how many jobs are done already, and by which studies."""
        self.end_phase()
        self._write(f"{phase.title}: {counted(phase.jobs, 'job')}{phase.before}")
        if not phase.pending:
            return
        board = JobBoard(phase.requests, self._planned())
        with self._lock:
            self._phase, self._board, self._began = phase, board, time.monotonic()
        self._alike.clear()

    def end_phase(self) -> None:
        """Show what became of the phase, where one runs."""
        if (study := self.now()) is None:
            return
        with self._lock:
            self._phase = None
        self._write(end_line(study, duration(time.monotonic() - self._began)))
        for text, number in self._alike.items():
            if number > _ALIKE:
                self._write(f"and {number - _ALIKE:,} more: {text}")

    def note(self, text: str) -> None:
        """Show what the study has decided."""
        self._write(text)

    def event(self, event: Event) -> None:
        """Take one event of a runner; show what needs a look."""
        with self._lock:
            self._board.take(event)
            self._best = higher(self._best, self._board.best)
            complete = self._phase is not None and self._board.complete
        if event.kind == "ended" and event.result is not None and event.result.attempt:
            self._ended(event, event.result)
        elif event.kind == "again":
            self._write(f"{'again':<7} {event.label}: {event.message}")
        elif event.kind == "waiting" and self._is_news(event.message):
            self._alike[f"waiting {event.message}"] = 1
            self._write(f"waiting: {event.label} {event.message}")
        if complete:
            self.end_phase()

    def now(self) -> StudyProgress | None:
        """Return how far the phase is; None between phases."""
        with self._lock:
            if self._phase is None:
                return None
            phase, board = self._phase, self._board
            before = phase.jobs - phase.pending - phase.failed
            return StudyProgress(
                phase.title,
                phase.jobs,
                before + board.done,
                phase.failed + board.failed,
                board.running(),
                max(0, phase.pending - board.begun),
                board.why,
                self._best,
                board.left(time.time()),
                self._spent(),
                self._following(phase.title),
            )

    def _ended(self, event: Event, result: JobResult) -> None:
        """Show an end that is no success, and what a job reports beside its numbers."""
        if result.status != "done":
            self._show_few(*_unsuccessful(event, result))
        for note in result.notes:
            self._show_few(note, f"{'note':<7} {event.label}: {note}")

    def _show_few(self, text: str, line: str) -> None:
        """Show a line; of those with the same text only the first."""
        self._alike[text] += 1
        if self._alike[text] <= _ALIKE:
            self._write(line)

    def _is_news(self, message: str) -> bool:
        """Whether to show a wait: every job waits when a phase begins, later it is news."""
        begun = time.monotonic() - self._began > _SETTLING
        return begun and not self._alike[f"waiting {message}"]


def _unsuccessful(event: Event, result: JobResult) -> tuple[str, str]:
    """Return why a job has failed or stopped, and the line that says so."""
    if result.cause is None:
        why = f"after {counted(result.epochs, 'epoch')}"
    else:
        first = result.cause.message.partition("\n")[0]
        why = f"{result.cause.kind}: {first[:120]}"
    reason = f" ({event.message})" if event.message else ""
    return f"{result.status} {why}", f"{result.status:<7} {event.label}: {why}{reason}"
