"""What a report is made from, and the names that its figures and tables share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from statistics import fmean

from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.wording.names import kind, name
from compound.schemas.answer import Answer
from compound.schemas.architecture import Candidate
from compound.schemas.data import DataInfo
from compound.schemas.final_evaluation import FinalTest
from compound.schemas.gate import GatePlan, GateResult
from compound.schemas.job import EpochRow, JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.outcomes.along import WaysCompared
from compound.schemas.plan import Member, Plan, PlannedJob, Rounds
from compound.schemas.power_law import Law
from compound.schemas.study import AnySpec
from compound.schemas.verdict import Standing, Verdict

PHI = "φ"
MOST_DRAWN = 30
"""Most candidates in one figure; controls are always included."""


@dataclass(frozen=True)
class ReportInputs:
    """Everything that a page shows. A study has plan and verdict; one scaled variant has neither.

    Any part may be incomplete: only some jobs may have rows and results, and the family is empty
    until the search has chosen.
    """

    spec: AnySpec
    spec_text: str
    baseline: Candidate
    data: DataInfo
    plan: Plan | None = None
    verdict: Verdict | None = None
    family: Sequence[Member] = ()
    results: Mapping[str, JobResult] = field(default_factory=dict)
    rows: Mapping[str, Sequence[EpochRow]] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The hosts of jobs, by job; shown where jobs failed."""
    rounds: Rounds | None = None
    """The plan includes what they added."""
    gate_plan: GatePlan | None = None
    gate: GateResult | None = None
    law: Law | None = None
    along: WaysCompared | None = None
    """None: the family has no way of scaling but the choice's."""
    test: FinalTest | None = None
    """None: there is no test part, or the study is older than test parts."""
    answer: Answer | None = None
    rates: OtherRates = field(default_factory=OtherRates)
    resume: str = ""
    """The command that goes on with the study; "" in older stores."""

    @property
    def line(self) -> list[Member]:
        """The family's members on the choice's line."""
        return [member for member in self.family if member.along == "choice"]


@dataclass(frozen=True)
class ReportRow:
    """A candidate of the search beside its standing: one row, one mark."""

    candidate: Candidate
    standing: Standing
    chosen: bool

    @property
    def name(self) -> str:
        """The candidate's name for people."""
        return name(self.candidate)

    @property
    def kind(self) -> str:
        """The candidate's kind: mix, baseline, or a control's name."""
        return kind(self.candidate)


def report_rows(inputs: ReportInputs) -> list[ReportRow]:
    """Return the candidates with their standings, best mean first; none without a verdict."""
    if inputs.plan is None or inputs.verdict is None:
        return []
    by_id = {candidate.id: candidate for candidate in inputs.plan.candidates}
    return [
        ReportRow(by_id[standing.candidate], standing, standing.candidate == inputs.verdict.chosen)
        for standing in inputs.verdict.standings
        if standing.candidate in by_id
    ]


def candidate_names(inputs: ReportInputs) -> dict[str, str]:
    """Return the candidates' names by their ids. Documents of older versions hold other names."""
    candidates = inputs.plan.candidates if inputs.plan else ()
    return {candidate.id: name(candidate) for candidate in candidates}


def drawn_rows(inputs: ReportInputs) -> list[ReportRow]:
    """Return the candidates that figures with a mark or line for each show, best mean first."""
    rows = report_rows(inputs)
    return [row for i, row in enumerate(rows) if i < MOST_DRAWN or row.kind != "mix" or row.chosen]


def baseline_row(inputs: ReportInputs) -> ReportRow | None:
    """Return the baseline with its standing, where the search has measured it."""
    if inputs.verdict is None or inputs.verdict.baseline is None:
        return None
    return ReportRow(inputs.baseline, inputs.verdict.baseline, chosen=False)


def all_jobs(inputs: ReportInputs) -> list[tuple[str, PlannedJob]]:
    """Return every planned job with its identity: search, other rates, gate, family; none twice."""
    planned = [*(inputs.plan.jobs if inputs.plan else ())]
    planned += inputs.plan.rate_jobs if inputs.plan else ()
    planned += inputs.rates.sensitivity.jobs if inputs.rates.sensitivity else ()
    planned += inputs.gate_plan.jobs if inputs.gate_plan else ()
    planned += [job for member in inputs.family for job in member.jobs]
    return list({job.request.job.id: job for job in reversed(planned)}.items())[::-1]


def member_scores(inputs: ReportInputs, member: Member) -> list[float]:
    """Return the scores of a family member's jobs that are done."""
    results = [inputs.results.get(planned.request.job.id) for planned in member.jobs]
    done = [result for result in results if result and result.status == "done"]
    return [result.metrics[ACCURACY] for result in done if ACCURACY in result.metrics]


def mean_curve(inputs: ReportInputs, jobs: Sequence[str]) -> list[tuple[int, float]]:
    """Return the mean accuracy of jobs by epoch, over those that reached the epoch."""
    by_epoch: dict[int, list[float]] = {}
    for job in jobs:
        for row in inputs.rows.get(job, ()):
            value = row.metrics.get(ACCURACY)
            if value is not None and isfinite(value):
                by_epoch.setdefault(row.epoch, []).append(value)
    return [(epoch, fmean(values)) for epoch, values in sorted(by_epoch.items())]


def jobs_of(inputs: ReportInputs, candidate: str) -> list[str]:
    """Return the search jobs of a candidate."""
    planned = inputs.plan.jobs if inputs.plan else ()
    chosen = (job for job in planned if job.phase == "search" and job.candidate == candidate)
    return [job.request.job.id for job in chosen]
