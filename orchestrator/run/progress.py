"""One line for each event, for a terminal and for a job's log alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from compound.orchestrator.wording.numbers import counted, duration
from compound.schemas.job import Event, JobResult
from compound.schemas.metrics import ACCURACY

_SETTLING = 5


@dataclass(frozen=True)
class Phase:
    """A part of a study whose jobs are trained together, as it begins."""

    title: str
    jobs: int
    pending: int
    """Jobs yet to be trained."""
    failed: int = 0
    """Jobs that failed before, and are not tried again."""
    reused: Mapping[str, int] = field(default_factory=dict)
    """Jobs that other studies had done before: their number by the name of the study."""


class Progress:
    """Counts jobs as their events come in; prints each end with an estimate of the time left."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._total = self._ended = self._before = 0
        self._started = time.monotonic()
        self._best: float | None = None
        self._waiting: set[str] = set()

    def phase(self, phase: Phase) -> None:
        """Begin a phase; print how many jobs are done already, and by which studies."""
        self._total, self._ended = phase.jobs, phase.jobs - phase.pending
        self._before, self._started = self._ended, time.monotonic()
        self._write(f"{phase.title}: {counted(phase.jobs, 'job')}{_before(phase)}")

    def note(self, text: str) -> None:
        """Print what the study has decided."""
        self._write(text)

    def event(self, event: Event) -> None:
        """Print one event of a runner."""
        if event.kind == "ended" and event.result is not None and event.result.attempt:
            self._ended += 1
            self._write(self._line(event.label, event.result, event.message))
            for note in event.result.notes:
                self._write(f"{'note':<7} {event.label}: {note}")
        elif event.kind == "again":
            self._write(f"{'again':<7} {event.label}: {event.message}")
        elif event.kind == "waiting" and self._is_news(event.message):
            self._waiting.add(event.message)
            self._write(f"waiting: {event.label} {event.message}")

    def _is_news(self, message: str) -> bool:
        """Whether to print a wait: every job waits when a phase begins, later it is news."""
        begun = time.monotonic() - self._started > _SETTLING
        return begun and message not in self._waiting

    def _line(self, label: str, result: JobResult, reason: str) -> str:
        head = f"[{self._ended}/{self._total}] {result.status:<7} {label:<26}"
        if result.cause is not None:
            first = result.cause.message.partition("\n")[0]
            cause = f"{result.cause.kind}: {first[:120]}"
            return f"{head} {cause}{f' ({reason})' if reason else ''}"
        accuracy = result.metrics.get(ACCURACY)
        scores = ""
        if accuracy is not None:  # an accuracy of 0 is one too
            self._best = accuracy if self._best is None else max(self._best, accuracy)
            scores = f" accuracy {accuracy:6.2%}  best {self._best:6.2%}"
        by = f"({reason})  " if reason else ""
        return f"{head}{scores}  {result.seconds:6.1f} s  {by}{self._rest()}".rstrip()

    def _rest(self) -> str:
        left = self._total - self._ended
        seconds_a_job = (time.monotonic() - self._started) / max(1, self._ended - self._before)
        seconds = seconds_a_job * left
        return f"about {duration(seconds)} left" if left > 0 else ""


def _before(phase: Phase) -> str:
    """Return how many jobs are done or have failed already, and by which studies."""
    done = phase.jobs - phase.pending - phase.failed
    studies = by_studies(phase.reused)
    text = f", {done} done before" + (f" ({studies})" if studies else "") if done else ""
    return text + (f", {phase.failed} failed before" if phase.failed else "")


def by_studies(jobs: Mapping[str, int]) -> str:
    """Return in words how many jobs other studies have trained, by the names of the studies."""
    return ", ".join(f"{count} of them by study {name}" for name, count in jobs.items())
