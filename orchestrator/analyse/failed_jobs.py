"""Failed jobs by their first cause, and what those of a group have in common that others have not.

Pure: a report, `compound status` and the end of `compound run` show the same groups.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compound.jobs.store.folders.job_folder import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.wording.numbers import counted
from compound.schemas.job import Cause, JobResult

Value = float | str
_VARIES = (
    (re.compile(r"0x[0-9a-fA-F]+"), "#"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"), "#"),
    (re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?"), "#"),
)
"""What differs between two messages of one cause: addresses, ids, counts."""

_SPEAKING = ("out of memory", "diverged")
"""Kinds that say it all: how much memory was asked for, or which loss was NaN, is by the way."""

_LONGEST = 160
_FEWEST = 2
"""Jobs from which on something in common says anything."""
_MOST = 3


@dataclass(frozen=True)
class Facts:
    """One ended job of a study as failures are judged by: a cause where it failed, and its traits.

    A trait is a number, of which a range may stand out, or a word.
    """

    label: str
    traits: Mapping[str, Value]
    cause: Cause | None = None


@dataclass(frozen=True)
class Group:
    """All jobs that failed for one reason."""

    kind: str
    message: str
    """The first job's, whole."""
    jobs: tuple[str, ...]
    traceback: str
    ended: int
    """Jobs of the study that have ended, these among them."""
    common: tuple[str, ...] = ()
    """What all of them are and no other ended job is: `resolution >= 288`."""

    @property
    def headline(self) -> str:
        """How many, why, and what they have in common, in a line."""
        shared = f", all with {' and '.join(self.common)}" if self.common else ""
        what = self.kind if self.kind in _SPEAKING else f"{self.kind}: {self.first_line}"
        return f"{len(self.jobs):,} of {counted(self.ended, 'job')}: {what}{shared}"

    @property
    def first_line(self) -> str:
        """The first line of the message, cut to a width that fits."""
        line = self.message.partition("\n")[0]
        return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def grouped(ended: Sequence[Facts]) -> list[Group]:
    """Return failed jobs by kind and message, numbers and ids in it aside; the largest first.

    The kind alone counts where it says it all.
    """
    groups: dict[tuple[str, str], list[Facts]] = {}
    for job in ended:
        if job.cause is not None:
            groups.setdefault(_signature(job.cause), []).append(job)
    found = [_group(jobs, ended) for jobs in groups.values()]
    return sorted(found, key=lambda group: -len(group.jobs))


def normalised(message: str) -> str:
    """Return a message's first line with every number and id in it made alike."""
    line = message.strip().partition("\n")[0]
    for pattern, mark in _VARIES:
        line = pattern.sub(mark, line)
    return line


def _signature(cause: Cause) -> tuple[str, str]:
    return cause.kind, "" if cause.kind in _SPEAKING else normalised(cause.message)


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
        common=in_common(jobs, [job for job in ended if id(job) not in chosen]),
    )


def in_common(jobs: Sequence[Facts], others: Sequence[Facts]) -> tuple[str, ...]:
    """Return what every one of the jobs is and none of the others: at most three such traits.

    Each stands for itself. One job, or jobs with no others beside them, have nothing in common
    that would say anything.
    """
    if len(jobs) < _FEWEST or not others:
        return ()
    shared = [name for name in jobs[0].traits if all(name in job.traits for job in jobs)]
    found = (_distinction(name, jobs, others) for name in shared)
    return tuple(said for said in found if said)[:_MOST]


def _distinction(name: str, jobs: Sequence[Facts], others: Sequence[Facts]) -> str:
    """Say by which value or range of a trait the jobs differ from all others; "" by none."""
    mine = {job.traits[name] for job in jobs}
    theirs = {other.traits[name] for other in others if name in other.traits}
    if not theirs or mine & theirs:
        return ""
    if beyond := _range(name, _numbers(mine), _numbers(theirs)):
        return beyond
    return f"{name} {_shown(next(iter(mine)))}" if len(mine) == 1 else ""


def _range(name: str, mine: list[float], theirs: list[float]) -> str:
    if not mine or not theirs:
        return ""
    if min(mine) > max(theirs):
        return f"{name} >= {_shown(min(mine))}"
    return f"{name} <= {_shown(max(mine))}" if max(mine) < min(theirs) else ""


def _numbers(values: set[Value]) -> list[float]:
    """Return values that are all numbers; none where one is a word."""
    numbers = [value for value in values if isinstance(value, float)]
    return numbers if len(numbers) == len(values) else []


def _shown(value: Value) -> str:
    """Write a number with four digits, a whole one in full."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == round(value) else f"{value:.4g}"


def outcomes(ended: Mapping[str, JobResult | JobState]) -> dict[str, Cause | None]:
    """Return, of the jobs that have ended, the causes of those that failed and None for others.

    A job that was stopped has not ended; one that the search's promotion stopped has not failed.
    """
    return {
        job: _cause(one)
        for job, one in ended.items()
        if one.status in ("done", "failed") or _pruned(one)
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
    """Return the facts of the planned jobs that have ended; none where none of them failed.

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
    """Return what a job is like; a seed is a name, not a number that may be large."""
    traits: dict[str, Value] = {"resolution": float(planned.resolution)}
    if planned.alpha is not None and planned.beta is not None and planned.params is not None:
        traits |= {"depth multiplier": planned.alpha, "width multiplier": planned.beta}
        traits["params"] = float(planned.params)
    traits |= {"seed": str(planned.seed), "phase": planned.phase}
    return traits | ({"host": host} if host else {})
