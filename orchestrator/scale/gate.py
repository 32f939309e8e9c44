"""The gate before the family: is the order of the search the same at a larger scale?

Only then is the family worth its cost. The study trains a GatePlan's jobs
(orchestrator/scale/gate_plan.py) and passes their results to judge().
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.equal_cost import at_equal_cost
from compound.orchestrator.analyse.on_images import on_images
from compound.orchestrator.analyse.scores import (
    CandidateScores,
    Jobs,
    ScoredCandidates,
    candidate_scores,
    compare,
    resolution,
)
from compound.orchestrator.analyse.standings import interval_of
from compound.orchestrator.choose.warnings import job_warnings
from compound.orchestrator.scale.gate_text import GateText, Outcome, no_correction
from compound.orchestrator.statistics.rank_correlation import correlation
from compound.schemas.gate import Contender, Correlation, Entrant, GatePlan, GateResult
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Standing, Verdict


@dataclass(frozen=True)
class _GateData:
    """Verdict, plan and scores that the gate compares."""

    verdict: Verdict
    plan: GatePlan
    scored_candidates: ScoredCandidates
    entries: Mapping[str, CandidateScores]
    """By the candidate's identity in the search, brought to equal cost."""
    correlation: Correlation | None

    def position(self, candidate: str) -> int | None:
        """Return a candidate's position in the field; None without a score."""
        entry = self.entries.get(candidate)
        return self.scored_candidates.candidates.index(entry) if entry and entry.scores else None

    def entrant(self, position: int) -> Entrant:
        """Return the entrant at a position of the field."""
        entry = self.scored_candidates.candidates[position]
        return next(e for e in self.plan.entrants if self.entries[e.candidate] is entry)

    @property
    def losers(self) -> list[Entrant]:
        """The entrants with a score that the search proved worse than the best."""
        tied = set(self.verdict.tied)
        scored = [
            entrant for entrant in self.plan.entrants if self.entries[entrant.candidate].scores
        ]
        return [entrant for entrant in scored if tied and entrant.candidate not in tied]


def judge(
    spec: StudySpec,
    plan: Plan,
    verdict: Verdict,
    gate: GatePlan,
    results: Mapping[str, JobResult],
    predictions: Mapping[str, Predictions] | None = None,
) -> GateResult:
    """Return whether the search's order is the same in the gate. Pure; any job may have failed.

    Entrants are compared at equal cost and with the best as in the search (Hsu 1984). The order
    does not carry over where the chosen candidate leaves the tied set, so another one is proven
    better, or where the whole interval of Kendall's tau lies below 0 and the chosen is not proven
    the best all the same; each errs with at most 1 - level and half of that.

    It carries over where the chosen is proven the best, or tied with it and either the whole
    interval of tau lies above 0, or no candidate that the search proved worse is now ahead of the
    chosen and at least one of them is proven worse again (Dunnett's
    comparisons with the chosen): all are improbable where the gate's order is noise. Everything
    else is undecided. Where no difference is significant, before or now, the order is noise and
    nothing could fail to carry over.

    `results` are of the gate's jobs, and so are `predictions`, with which intervals and proofs hold
    for new images too.
    """
    data = _gate_data(spec, plan, verdict, gate, results, predictions or {})
    outcome, sentence = _outcome(spec, data)
    return GateResult(
        scale=gate.scale,
        contenders=_contenders(data),
        correlation=data.correlation,
        outcome=outcome,
        sentence=sentence,
        warnings=(*gate.warnings, *_warnings(data, plan, results)),
    )


def _gate_data(
    spec: StudySpec,
    plan: Plan,
    verdict: Verdict,
    gate: GatePlan,
    results: Mapping[str, JobResult],
    predictions: Mapping[str, Predictions],
) -> _GateData:
    jobs: Jobs = {}
    for entrant in gate.jobs:
        job = entrant.request.job
        jobs.setdefault(entrant.candidate, []).append((job.id, job.seed))
    images, classes = plan.data.validation, len(plan.data.classes)
    entries = at_equal_cost(
        [candidate_scores(entrant.network, jobs, results, classes) for entrant in gate.entrants],
        candidate_scores(plan.baseline, jobs, results, classes),
        gate.multiple,
    )
    entries = on_images(entries, predictions)
    by_id = {entrant.candidate: e for entrant, e in zip(gate.entrants, entries, strict=True)}
    pairs = [(_searched(verdict, id_), e.values_at_budget) for id_, e in by_id.items()]
    before, now = [scores for scores, _ in pairs], [scores for _, scores in pairs]
    level = spec.search.level
    agreement = correlation(before, now, level, resolution(images))
    return _GateData(verdict, gate, compare(entries, level, images), by_id, agreement)


def _standing(verdict: Verdict, candidate: str) -> Standing:
    return next(standing for standing in verdict.standings if standing.candidate == candidate)


def _searched(verdict: Verdict, candidate: str) -> list[float]:
    """Return a candidate's scores in the search, at the budget's cost."""
    standing = _standing(verdict, candidate)
    shift = (
        standing.at_budget - standing.mean
        if standing.at_budget is not None and standing.mean is not None
        else 0.0
    )
    return [score + shift for score in standing.scores]


def _outcome(spec: StudySpec, data: _GateData) -> tuple[Outcome, str]:
    """Return the outcome with the sentence that gives its reason."""
    chosen, field, level = data.verdict.chosen, data.scored_candidates, spec.search.level
    position = data.position(chosen) if chosen else None
    text = GateText(data.plan.scale, level, spec.gate.mode, data.correlation)
    if len(field.candidates) < 2:
        return "undecided", text.nothing(len(field.candidates), len(data.plan.entrants))
    if position is None:
        return "undecided", text.no_choice()
    if field.comparison is None:
        return "undecided", text.no_noise()
    if position not in field.tied:
        best = data.entrant(0)
        lead = field.candidates[0].at_budget - field.candidates[position].at_budget
        triple = _standing(data.verdict, best.candidate).coefficients
        return "does not carry over", text.overtaken(best.name, triple, lead)
    if text.upright:
        return "carries over", text.order_holds(best=position == 0)
    if field.tied == [position]:
        return "carries over", text.proven_best()
    if text.turned:
        return "does not carry over", text.upside_down()
    if proven := _left_behind(data, position):
        return "carries over", text.losers_stay([loser.name for loser in data.losers], proven)
    if not data.losers and len(field.tied) == len(field.candidates):
        return "undecided", text.all_tied()
    return "undecided", text.open_question()


def _left_behind(data: _GateData, chosen: int) -> int:
    """Count the losers of the search that are proven worse than the chosen; 0 if one is ahead."""
    positions = [data.position(loser.candidate) for loser in data.losers]
    behind = [position for position in positions if position is not None]
    comparison = data.scored_candidates.comparison
    if not behind or comparison is None or min(behind) < chosen:
        return 0
    margins = comparison.margin(chosen, behind)
    return int((comparison.means[behind] + margins < comparison.means[chosen]).sum())


def _contenders(data: _GateData) -> tuple[Contender, ...]:
    """Return the contenders: the best mean first, those without a score last."""
    contenders = [_contender(data, entrant) for entrant in data.plan.entrants]
    return tuple(
        sorted(contenders, key=lambda contender: 1.0 if contender.mean is None else -contender.mean)
    )


def _contender(data: _GateData, entrant: Entrant) -> Contender:
    entry, standing = data.entries[entrant.candidate], _standing(data.verdict, entrant.candidate)
    position = data.position(entrant.candidate)
    searched = standing.mean if standing.at_budget is None else standing.at_budget
    assert searched is not None, "only candidates with a score enter"
    interval = (
        None
        if position is None
        else interval_of(data.scored_candidates, position, entry.at_budget, at_budget=True)
    )
    return Contender(
        candidate=entrant.candidate,
        name=entrant.name,
        ratio=entrant.network.ratio,
        searched=searched,
        scores=entry.values,
        mean=None if position is None else entry.at_budget,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        tied=position in data.scored_candidates.tied,
    )


def _warnings(data: _GateData, plan: Plan, results: Mapping[str, JobResult]) -> Iterator[str]:
    identities = [job.request.job.id for job in data.plan.jobs]
    yield from job_warnings(identities, results, "gate job")
    base = [job.request.job.id for job in data.plan.jobs if job.candidate == plan.baseline.id]
    if data.scored_candidates.candidates and not any(_done(results.get(id_)) for id_ in base):
        yield no_correction([entrant.network.ratio for entrant in data.plan.entrants])


def _done(result: JobResult | None) -> bool:
    return result is not None and result.status == "done"
