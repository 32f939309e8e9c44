"""What a study has still to do before its answer is the last: a mark on all that it says first."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compound.orchestrator.wording.numbers import counted
from compound.schemas.job import JobResult

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents

Stage = str
_SEARCH = ("recipe check", "search")
_STAGES = (*_SEARCH, "sensitivity", "gate", "family", "training")
"""In the order in which they are trained."""


@dataclass(frozen=True)
class Work:
    """The planned jobs of a study by stage, and how many of them ended how."""

    total: Mapping[Stage, int]
    done: Mapping[Stage, int]
    """Jobs that are done, or were pruned."""
    failed: Mapping[Stage, int]
    closed: bool = False
    """Whether its gate has ended it."""
    verdict: bool = True
    """Whether its search has been judged."""
    chosen: bool = True
    """Whether there is something to scale by."""
    family: bool = True
    """Whether the jobs of its family are planned."""
    running: int = 0
    """Jobs that train now."""

    @property
    def open(self) -> Stage | None:
        """The first stage with jobs that have not ended; None where all have."""
        return next((stage for stage in _STAGES if self._rest(stage)), None)

    def _rest(self, stage: Stage) -> int:
        ended = self.done.get(stage, 0) + self.failed.get(stage, 0)
        return self.total.get(stage, 0) - ended

    @property
    def deciding(self) -> bool:
        """Whether its search goes on, so that another network may be chosen."""
        return self.open in _SEARCH or ("search" in self.total and not self.verdict)

    @property
    def text(self) -> str:
        """Say what is done of what: `search 2 of 15 jobs done`; "" where nothing is left to do."""
        stage = self.open
        if stage is not None:
            return self._of(stage)
        if "search" in self.total and not self.verdict:
            return f"{self._of('search')}, and not judged yet"
        if "search" in self.total and self.chosen and not self.closed and not self.family:
            return f"{self._of('search')}, and no job of the family is planned yet"
        return ""

    def _of(self, stage: Stage) -> str:
        jobs, failed = counted(self.total[stage], "job"), self.failed.get(stage, 0)
        text = f"{stage} {self.done.get(stage, 0):,} of {jobs} done"
        return f"{text}, {failed:,} failed" if failed else text


def work(jobs: Iterable[tuple[Stage, str]], **fields: bool) -> Work:
    """Count jobs, each with its stage and `done`, `failed`, or any other word: it has not ended.

    `fields`: the other ones of Work.
    """
    counts = Counter(jobs)
    done, failed = (
        {stage: number for (stage, word), number in counts.items() if word == ended}
        for ended in ("done", "failed")
    )
    total = Counter[Stage]()
    for (stage, _), number in counts.items():
        total[stage] += number
    running = sum(number for (_, word), number in counts.items() if word == "running")
    return Work(total, done, failed, running=running, **fields)


def stage_of(phase: str, *, search: bool, sensitivity: bool) -> Stage:
    """Return the stage of a job by its phase; `search`: whether the study has a search."""
    if sensitivity:
        return "sensitivity"
    names = {"recipe": "recipe check", "screening": "search"}
    return names.get(phase, phase) if search else "training"


def work_of(stored: "Documents", results: Mapping[str, JobResult]) -> Work:
    """Count the jobs of a study; `results`: of all that have ended, by job."""
    spec = stored.record.spec
    sensitive = stored.sensitivity.jobs if stored.sensitivity else ()
    again = {job.request.job.id for job in sensitive}
    stages = (
        (
            stage_of(job.phase, search=spec.search is not None, sensitivity=identity in again),
            _word(results.get(identity)),
        )
        for job in stored.jobs
        for identity in (job.request.job.id,)
    )
    return work(
        stages,
        closed=bool(
            spec.stops_at_gate and stored.gate and stored.gate.outcome == "does not carry over"
        ),
        verdict=stored.verdict is not None,
        chosen=stored.verdict is not None and stored.verdict.coefficients is not None,
        family=stored.family is not None,
    )


def _word(result: JobResult | None) -> str:
    if result is None or (result.status == "stopped" and not result.pruned):
        return "open"
    return "failed" if result.status == "failed" and not result.pruned else "done"
