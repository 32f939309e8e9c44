"""Failed jobs, grouped by cause, with the traits that only the jobs of a group have.

Pure: a report, `compound status` and the summary of `compound run` show the same groups.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compound.jobs.runtime.users_line import LINE
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.wording.numbers import counted
from compound.schemas.job import Cause, JobResult

Value = float | str
_VARIES = (
    (re.compile(r"0x[0-9a-fA-F]+"), "#"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"), "#"),
    (re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?"), "#"),
)
"""Parts that differ between two messages of one cause: addresses, ids, counts."""

_SUFFICIENT = ("out of memory", "diverged")
"""Kinds that need no message: how much memory was requested, or which loss was NaN, is detail."""

_LONGEST = 160
_FEWEST = 2
"""Jobs below which a common trait means nothing."""
_MOST = 3


@dataclass(frozen=True)
class Facts:
    """One ended job of a study: its cause, if it failed, and its traits.

    A trait is a word, or a number: then a range of it may distinguish the failed jobs.
    """

    label: str
    traits: Mapping[str, Value]
    cause: Cause | None = None


@dataclass(frozen=True)
class Group:
    """All jobs that failed with one cause."""

    kind: str
    message: str
    """The whole message of the first job."""
    jobs: tuple[str, ...]
    traceback: str
    ended: int
    """Jobs of the study that have ended, including these."""
    phases: tuple[str, ...] = ()
    """Their phases, each once."""
    common: tuple[str, ...] = ()
    """Traits that all of them have and no other ended job has: `resolution >= 288`."""

    @property
    def headline(self) -> str:
        """Number, cause and common traits in one line."""
        shared = f", all with {' and '.join(self.common)}" if self.common else ""
        cause = self.kind if self.kind in _SUFFICIENT else f"{self.kind}: {self.first_line}"
        return f"{len(self.jobs):,} of {counted(self.ended, 'job')}: {cause}{shared}"

    @property
    def first_line(self) -> str:
        """The first line of the message, cut to a width that fits."""
        line = self.message.partition("\n")[0]
        return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."

    @property
    def users_line(self) -> str:
        """The line of a user's own code in which the first job failed; "" for any other error."""
        lines = self.message.splitlines()[1:]
        return next((line.strip() for line in lines if line.startswith(LINE.strip("\n"))), "")


def grouped(ended: Sequence[Facts]) -> list[Group]:
    """Return failed jobs by kind and message, without its numbers and ids; the largest group first.

    Kinds of _SUFFICIENT are grouped without their messages.
    """
    groups: dict[tuple[str, str], list[Facts]] = {}
    for job in ended:
        if job.cause is not None:
            groups.setdefault(_signature(job.cause), []).append(job)
    by_cause = [_group(jobs, ended) for jobs in groups.values()]
    return sorted(by_cause, key=lambda group: -len(group.jobs))


def normalised(message: str) -> str:
    """Return the first line of a message with every number and id replaced by `#`."""
    line = message.strip().partition("\n")[0]
    for pattern, mark in _VARIES:
        line = pattern.sub(mark, line)
    return line


def _signature(cause: Cause) -> tuple[str, str]:
    return cause.kind, "" if cause.kind in _SUFFICIENT else normalised(cause.message)


def _group(jobs: Sequence[Facts], ended: Sequence[Facts]) -> Group:
    first = jobs[0].cause
    assert first is not None
    chosen = {id(job) for job in jobs}
    return Group(
        kind=first.kind,
        message=first.message.strip(),
        jobs=tuple(job.label for job in jobs),
        traceback=first.traceback.strip(),
        ended=len(ended),
        phases=tuple(
            dict.fromkeys(str(job.traits["phase"]) for job in jobs if "phase" in job.traits)
        ),
        common=in_common(jobs, [job for job in ended if id(job) not in chosen]),
    )


def in_common(jobs: Sequence[Facts], rest: Sequence[Facts]) -> tuple[str, ...]:
    """Return at most three traits that all of the jobs have and none of the rest.

    Each trait alone distinguishes them. One job, or jobs without a rest, have no such traits.
    """
    if len(jobs) < _FEWEST or not rest:
        return ()
    shared = [name for name in jobs[0].traits if all(name in job.traits for job in jobs)]
    distinctions = (_distinction(name, jobs, rest) for name in shared)
    return tuple(distinction for distinction in distinctions if distinction)[:_MOST]


def _distinction(name: str, jobs: Sequence[Facts], rest: Sequence[Facts]) -> str:
    """Return the value or range of a trait that distinguishes the jobs from the rest; else ""."""
    values = {job.traits[name] for job in jobs}
    other_values = {job.traits[name] for job in rest if name in job.traits}
    if not other_values or values & other_values:
        return ""
    if beyond := _range(name, _numbers(values), _numbers(other_values)):
        return beyond
    return f"{name} {_written(next(iter(values)))}" if len(values) == 1 else ""


def _range(name: str, values: list[float], other_values: list[float]) -> str:
    if not values or not other_values:
        return ""
    if min(values) > max(other_values):
        return f"{name} >= {_written(min(values))}"
    return f"{name} <= {_written(max(values))}" if max(values) < min(other_values) else ""


def _numbers(values: set[Value]) -> list[float]:
    """Return the values if all of them are numbers, else nothing."""
    numbers = [value for value in values if isinstance(value, float)]
    return numbers if len(numbers) == len(values) else []


def _written(value: Value) -> str:
    """Write a number with four digits, a whole one in full."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == round(value) else f"{value:.4g}"


def too_fast(phase: str, cause: Cause | None) -> bool:
    """Whether a job of the recipe check diverged: that is an answer, and no failure."""
    return phase == "recipe" and cause is not None and cause.kind == "diverged"


def outcomes(ended: Mapping[str, JobResult | JobState]) -> dict[str, Cause | None]:
    """Return the ended jobs: the cause where a job failed, else None.

    A stopped job has not ended. A job that the search pruned has not failed.
    """
    return {
        job: _cause(outcome)
        for job, outcome in ended.items()
        if outcome.status in ("done", "failed") or _pruned(outcome)
    }


def _cause(ended: JobResult | JobState) -> Cause | None:
    if ended.status != "failed" or _pruned(ended):
        return None
    return ended.cause or Cause(kind="error", message="no cause was recorded")


def _pruned(ended: JobResult | JobState) -> bool:
    return ended.cause is not None and ended.cause.kind == "pruned"


def facts(
    planned: Sequence[Line], causes: Mapping[str, Cause | None], hosts: Mapping[str, str]
) -> list[Facts]:
    """Return the facts of the planned jobs that have ended; nothing where no job failed.

    `causes`: see `outcomes`; `hosts` by job, for those whose host is known.
    """
    if not any(causes.values()):
        return []
    return [
        Facts(line.label or line.job, _traits(line, hosts.get(line.job, "")), causes[line.job])
        for line in planned
        if line.job in causes
    ]


def _traits(planned: Line, host: str) -> dict[str, Value]:
    """Return the traits of a job. A seed is a word: a range of seeds means nothing."""
    traits: dict[str, Value] = {"resolution": float(planned.resolution)}
    if planned.alpha is not None and planned.beta is not None and planned.params is not None:
        traits |= {"depth multiplier": planned.alpha, "width multiplier": planned.beta}
        traits["params"] = float(planned.params)
    traits |= {"seed": str(planned.seed), "phase": planned.phase}
    return traits | ({"host": host} if host else {})
