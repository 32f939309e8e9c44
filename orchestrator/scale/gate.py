"""The gate before the family: does the order of the search hold at a larger scale?

It is worth the family's money only where it does. The study trains a GatePlan's jobs
(orchestrator/scale/gate_plan.py) and lets judge() look at what they brought.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compound.orchestrator.analyse.scores import (
    CandidateScores,
    Jobs,
    ScoredCandidates,
    accuracy_resolution,
    at_equal_cost,
    candidate_scores,
    compare,
)
from compound.orchestrator.choose.verdict_text import job_warnings
from compound.orchestrator.scale.gate_text import GateText, Outcome, no_correction
from compound.orchestrator.statistics.comparison import mean_interval
from compound.orchestrator.statistics.rank_correlation import correlation
from compound.schemas.gate import Contender, Correlation, Entrant, GatePlan, GateResult
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Standing, Verdict


@dataclass(frozen=True)
class _GateData:
    """What a gate has to look at."""

    verdict: Verdict
    plan: GatePlan
    field: ScoredCandidates
    entries: Mapping[str, CandidateScores]
    """By the candidate's identity in the search, brought to equal cost."""
    correlation: Correlation | None

    def place(self, candidate: str) -> int | None:
        """Return a candidate's position in the field; None without a score."""
        one = self.entries.get(candidate)
        return self.field.candidates.index(one) if one and one.scores else None

    def entrant(self, place: int) -> Entrant:
        """Return who stands at a position of the field."""
        one = self.field.candidates[place]
        return next(e for e in self.plan.entrants if self.entries[e.candidate] is one)

    @property
    def losers(self) -> list[Entrant]:
        """The entrants with a score that the search told apart from the best."""
        tied = set(self.verdict.tied)
        scored = [one for one in self.plan.entrants if self.entries[one.candidate].scores]
        return [one for one in scored if tied and one.candidate not in tied]


def judge(
    spec: StudySpec,
    plan: Plan,
    verdict: Verdict,
    gate: GatePlan,
    results: Mapping[str, JobResult],
) -> GateResult:
    """Return whether the search's order holds in the gate. Pure; no job need have ended well.

    Entrants are compared at equal cost and with the best as in the search (Hsu 1984). The order
    does not carry over where the chosen candidate leaves the tied set, so another one is proven
    better, or where the whole interval of Kendall's tau lies below 0 and the chosen is not proven
    the best all the same; each errs with at most 1 - level and half of that.

    It carries over where the chosen is proven the best, or tied with it and either the whole
    interval of tau lies above 0, or nobody whom the search told apart from the best has come
    ahead of the chosen and at least one of them is told apart from it again (Dunnett's
    comparisons with the chosen): all are improbable where the gate's order is noise. Everything
    else is undecided. Where nothing is told apart, neither before nor now, the order is noise and
    nothing could fail to carry over.

    `results` are of the gate's jobs.
    """
    hall = _hall(spec, plan, verdict, gate, results)
    outcome, sentence = _outcome(spec, hall)
    return GateResult(
        scale=gate.scale,
        contenders=_told(hall),
        correlation=hall.correlation,
        outcome=outcome,
        sentence=sentence,
        warnings=(*gate.warnings, *_warnings(hall, plan, results)),
    )


def _hall(
    spec: StudySpec,
    plan: Plan,
    verdict: Verdict,
    gate: GatePlan,
    results: Mapping[str, JobResult],
) -> _GateData:
    jobs: Jobs = {}
    for one in gate.jobs:
        job = one.request.job
        jobs.setdefault(one.candidate, []).append((job.id, job.seed))
    entries = at_equal_cost(
        [candidate_scores(one.network, jobs, results) for one in gate.entrants],
        candidate_scores(plan.baseline, jobs, results),
        gate.multiple,
    )
    floor = accuracy_resolution(plan)
    by_id = {one.candidate: e for one, e in zip(gate.entrants, entries, strict=True)}
    pairs = [(_searched(verdict, id_), _scores(e)) for id_, e in by_id.items()]
    before, now = [one for one, _ in pairs], [other for _, other in pairs]
    level = spec.search.level
    found = correlation(before, now, level, floor)
    return _GateData(verdict, gate, compare(entries, level, floor), by_id, found)


def _scores(one: CandidateScores) -> list[float]:
    return [value + one.shift for value in one.values]


def _standing(verdict: Verdict, candidate: str) -> Standing:
    return next(one for one in verdict.standings if one.candidate == candidate)


def _searched(verdict: Verdict, candidate: str) -> list[float]:
    """Return a candidate's scores in the search, at the budget's cost."""
    one = _standing(verdict, candidate)
    shift = one.at_budget - one.mean if one.at_budget is not None and one.mean is not None else 0.0
    return [score + shift for score in one.scores]


def _outcome(spec: StudySpec, hall: _GateData) -> tuple[Outcome, str]:
    """Return the outcome with the sentence that gives its reason."""
    chosen, field, level = hall.verdict.chosen, hall.field, spec.search.level
    place = hall.place(chosen) if chosen else None
    told = GateText(hall.plan.scale, level, spec.gate.mode, hall.correlation)
    if len(field.candidates) < 2:
        return "undecided", told.nothing(len(field.candidates), len(hall.plan.entrants))
    if place is None:
        return "undecided", told.no_choice()
    if field.comparison is None:
        return "undecided", told.no_noise()
    if place not in field.tied:
        best = hall.entrant(0)
        lead = field.candidates[0].at_budget - field.candidates[place].at_budget
        triple = _standing(hall.verdict, best.candidate).coefficients
        return "does not carry over", told.overtaken(best.name, triple, lead)
    if told.upright:
        return "carries over", told.order_holds(best=place == 0)
    if field.tied == [place]:
        return "carries over", told.proven_best()
    if told.turned:
        return "does not carry over", told.upside_down()
    if proven := _left_behind(hall, place):
        return "carries over", told.losers_stay([one.name for one in hall.losers], proven)
    if not hall.losers and len(field.tied) == len(field.candidates):
        return "undecided", told.all_tied()
    return "undecided", told.open_question()


def _left_behind(hall: _GateData, chosen: int) -> int:
    """Count the losers of the search that are told apart from the chosen; 0 if one is ahead."""
    places = [hall.place(one.candidate) for one in hall.losers]
    behind = [place for place in places if place is not None]
    comparison = hall.field.comparison
    if not behind or comparison is None or min(behind) < chosen:
        return 0
    margins = comparison.margin(chosen, behind)
    return int((comparison.means[behind] + margins < comparison.means[chosen]).sum())


def _told(hall: _GateData) -> tuple[Contender, ...]:
    """Return the best mean first, and last whoever has no score."""
    told = [_contender(hall, one) for one in hall.plan.entrants]
    return tuple(sorted(told, key=lambda one: 1.0 if one.mean is None else -one.mean))


def _contender(hall: _GateData, one: Entrant) -> Contender:
    found, standing = hall.entries[one.candidate], _standing(hall.verdict, one.candidate)
    place, noise = hall.place(one.candidate), hall.field.noise
    searched = standing.mean if standing.at_budget is None else standing.at_budget
    assert searched is not None, "only candidates with a score enter"
    interval = None
    if place is not None and noise:
        interval = mean_interval(found.at_budget, len(found.scores), noise, hall.field.level)
    return Contender(
        candidate=one.candidate,
        name=one.name,
        ratio=one.network.ratio,
        searched=searched,
        scores=found.values,
        mean=None if place is None else found.at_budget,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        tied=place in hall.field.tied,
    )


def _warnings(hall: _GateData, plan: Plan, results: Mapping[str, JobResult]) -> Iterator[str]:
    identities = [one.request.job.id for one in hall.plan.jobs]
    yield from job_warnings(identities, results, "gate job")
    base = [one.request.job.id for one in hall.plan.jobs if one.candidate == plan.baseline.id]
    if hall.field.candidates and not any(_done(results.get(id_)) for id_ in base):
        yield no_correction([one.network.ratio for one in hall.plan.entrants])


def _done(result: JobResult | None) -> bool:
    return result is not None and result.status == "done"
