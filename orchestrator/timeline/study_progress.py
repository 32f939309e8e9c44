"""How far a study is, in lines for a terminal of any width and for a log."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from compound.orchestrator.timeline.job_progress import JobProgress
from compound.orchestrator.timeline.time_left import UNKNOWN, TimeLeft
from compound.orchestrator.wording.numbers import percent

_NARROW = 60
"""Columns below which the study may take three lines; else two. Parts are dropped for that."""
_LOGGED = 2
"""Running jobs that a line of a log names; the rest is counted."""


class StudyProgress(NamedTuple):
    """A phase of a study at one moment."""

    title: str
    jobs: int
    done: int
    failed: int
    running: Sequence[JobProgress]
    waiting: int
    why: str = ""
    """What the first of those waits for; "" for its turn."""
    best: float | None = None
    """The highest validation accuracy so far, a fraction of 1."""
    left: TimeLeft | None = None
    """Of this phase; None: unknown yet."""
    spent: str = ""
    """Hours and money, of the whole study."""
    then: str = ""
    """The phases that follow, which the time left leaves out."""


def job_lines(running: Sequence[JobProgress], width: int, rows: int) -> list[str]:
    """Return a line for each job, at most `rows`; where they do not fit, the rest is counted.

    All lines have the same parts: those that fit into `width` columns. No number is cut.
    """
    visible = running if len(running) <= rows else running[: max(0, rows - 1)]
    lines = next(
        (lines for form in _FORMS if _fit(lines := _listed(visible, form), width)),
        [_epochs(job) for job in visible],
    )
    hidden = len(running) - len(visible)
    return [*lines, f"and {hidden:,} more jobs"] if hidden and rows > 0 else lines


def study_lines(study: StudyProgress, width: int) -> list[str]:
    """Return the study's line, in two or three on a narrow terminal; parts drop, numbers stay."""
    forms = (_packed(_parts(form), width) for form in _narrower(study))
    lines: list[str] = []
    for lines in forms:
        if len(lines) <= (2 if width >= _NARROW else 3) and _fit(lines, width):
            break
    return lines


def log_line(study: StudyProgress) -> str:
    """Return one line with the same numbers, for a log."""
    return "; ".join([", ".join(_parts(study)), *_logged(study.running)])


def end_line(study: StudyProgress, took: str) -> str:
    """Return the line with which a phase ends; `took`: its time, in words."""
    of = "" if study.done + study.failed == study.jobs else f" of {study.jobs:,}"
    failed = f", {study.failed:,} failed" if study.failed else ""
    noun = "job" if study.jobs == 1 else "jobs"
    total = [f"{study.title}: {study.done:,}{of} {noun} done{failed} in {took}", _best(study)]
    return ", ".join(filter(None, [*total, study.spent and f"spent so far {study.spent}"]))


def _narrower(study: StudyProgress) -> Iterator[StudyProgress]:
    """Yield a study with less and less of it, what matters least left out first."""
    yield study
    yield (study := study._replace(why=""))
    yield (study := study._replace(then=""))
    yield (study := study._replace(spent=""))
    yield study._replace(best=None)


def _parts(study: StudyProgress) -> list[str]:
    failed = f", {study.failed:,} failed" if study.failed else ""
    parts = (
        f"{study.title}: {study.done:,} of {study.jobs:,} done{failed}",
        f"{len(study.running):,} running" if study.running else "",
        f"{study.waiting:,} waiting {study.why}".rstrip() if study.waiting else "",
        _best(study),
        study.left.text if study.left else UNKNOWN,
        study.then,
        study.spent and f"spent so far {study.spent}",
    )
    return [part for part in parts if part]


def _best(study: StudyProgress) -> str:
    return "" if study.best is None else f"best {percent(study.best)}"


def _logged(running: Sequence[JobProgress]) -> list[str]:
    """Return the first running jobs in words, and how many more there are."""
    begun = [job for job in running if job.epoch]
    texts = [" ".join(_full(job, 0).split()) for job in begun[:_LOGGED]]
    more = len(begun) - len(texts)
    return [*texts, *([f"{more:,} more"] if more else [])]


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """Return parts in lines, broken between parts only."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}, {part}" if lines else part
        if lines and len(longer) + 1 > width:
            lines = [*lines[:-1], f"{lines[-1]},", f"  {part}"]
        else:
            lines = [*lines[:-1], longer]
    return lines


def _fit(lines: Sequence[str], width: int) -> bool:
    return all(len(line) <= width for line in lines)


def _listed(jobs: Sequence[JobProgress], form: Callable[[JobProgress, int], str]) -> list[str]:
    """Return a line for each job; names are padded to the longest."""
    name = max((len(job.label) for job in jobs), default=0)
    return [form(job, name) for job in jobs]


def _full(job: JobProgress, name: int) -> str:
    return "  ".join(filter(None, [_long(job, name), _speed(job), _accuracy(job)]))


def _without_speed(job: JobProgress, name: int) -> str:
    return "  ".join(filter(None, [_long(job, name), _accuracy(job)]))


def _short(job: JobProgress, name: int) -> str:
    accuracy = "" if job.accuracy is None else percent(job.accuracy)
    return "  ".join(filter(None, [f"{job.label:{name}}", _epochs(job), accuracy]))


def _shortest(job: JobProgress, name: int) -> str:
    return f"{job.label:{name}}  {_epochs(job)}"


_FORMS = (_full, _without_speed, _short, _shortest)
"""From the widest to the narrowest."""


def _long(job: JobProgress, name: int) -> str:
    return f"{job.label:{name}}  epoch {job.epoch:{len(str(job.epochs))}} of {job.epochs}"


def _epochs(job: JobProgress) -> str:
    return f"{job.epoch:{len(str(job.epochs))}}/{job.epochs}"


def _speed(job: JobProgress) -> str:
    return "" if job.images_per_second is None else f"{job.images_per_second:5,.0f} images/s"


def _accuracy(job: JobProgress) -> str:
    return "" if job.accuracy is None else f"accuracy {percent(job.accuracy)}"
