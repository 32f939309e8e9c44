"""From the results of a search to its verdict: standings, tied set, gain, choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator import sentences
from orchestrator.statistics import Comparison, Noise, mean_interval, pooled, residual
from schemas.architecture import AXES, Axis, Candidate
from schemas.job import JobResult
from schemas.plan import Plan
from schemas.study import StudySpec
from schemas.verdict import Gain, Standing, Verdict

METRIC = "validation_accuracy"

Jobs = dict[str, list[tuple[str, int]]]


@dataclass(frozen=True)
class Entry:
    """A candidate with its scores by seed, and how many of its jobs failed."""

    id: str
    candidate: Candidate
    scores: dict[int, float]
    failed: int

    @property
    def values(self) -> tuple[float, ...]:
        """The scores in the order of the seeds."""
        return tuple(self.scores[seed] for seed in sorted(self.scores))

    @property
    def mean(self) -> float:
        """The mean score; there must be one."""
        return sum(self.values) / len(self.scores)

    @property
    def axis(self) -> Axis | None:
        """The one axis that the candidate scales; None for a mix."""
        return next((axis for axis in AXES if axis in self.candidate.roles), None)


@dataclass(frozen=True)
class Field:
    """The search's candidates with a score, best mean first, and what tells them apart."""

    scored: tuple[Entry, ...]
    level: float
    noise: Noise | None
    comparison: Comparison | None
    """Over `scored`, in that order; None where fewer than two can be compared."""

    @property
    def controls(self) -> list[int]:
        """Positions of the single-axis controls."""
        return [i for i, entry in enumerate(self.scored) if entry.axis]

    @property
    def mixes(self) -> list[int]:
        """Positions of the candidates that scale more than one axis."""
        return [i for i, entry in enumerate(self.scored) if not entry.axis]

    @property
    def tied(self) -> list[int]:
        """Positions of the candidates that may be the best; empty where nobody can say."""
        if self.comparison:
            return self.comparison.tied()
        return [0] if self.noise and self.scored else []


def analyse(spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]) -> Verdict:
    """Return what the search found and how sure that is. Pure; needs no job to have ended well.

    The noise is the standard deviation of a score between seeds, pooled over the candidates. Two
    candidates are told apart by one yardstick, critical value x noise x sqrt(1/n + 1/m), where
    the critical value counts all comparisons with the best (Hsu; Dunnett's one-sided value).
    Who lies within it of the highest mean is tied with it. The gain is the lead of a mix over the
    best control by the same yardstick, so it stays valid although the data chose both sides, and
    a gain is claimed only where every control has dropped out of the tied set.

    Candidates share their seeds. Where every candidate has every seed, seeds are blocks: what a
    seed adds to all candidates is taken out of the noise of differences (two-way additive model),
    which costs seeds - 1 degrees of freedom and is valid whether seeds matter or not. With a gap
    in the table the pooled noise is taken, which a seed's effect can only widen. The intervals
    of single means always use the pooled noise, since a seed's luck is part of a mean.

    The baseline costs less than the candidates, so it is shown but neither compared nor pooled.
    """
    jobs = _planned(plan)
    entries = [_entry(candidate, jobs, results) for candidate in plan.candidates]
    floor = _resolution(plan)
    field = _field(entries, spec.search.level, floor)
    pool = _eligible(field)
    chosen = min(pool, key=_cost_to_run) if pool else None
    gain = _gain(field, chosen)
    tied = tuple(field.scored[i].id for i in field.tied)
    ties = set(tied)
    unscored = [entry for entry in entries if not entry.scores]
    shown = (_entry(plan.baseline, jobs, results), *field.scored, *unscored)
    baseline, *standings = (_standing(entry, field, entry.id in ties) for entry in shown)
    return Verdict(
        metric=METRIC,
        level=field.level,
        noise=field.noise.sd if field.noise else None,
        baseline=baseline if baseline.scores or baseline.failed else None,
        standings=tuple(standings),
        tied=tied,
        chosen=chosen.id if chosen else None,
        coefficients=chosen.candidate.coefficients if chosen else None,
        gain=gain,
        outcome=sentences.outcome(gain),
        sentence=_sentence(field, gain, chosen),
        reason=_reason(field, pool, chosen),
        beside=_beside(field, chosen),
        warnings=(
            *_job_warnings(jobs, results),
            *_warnings(spec, entries, field, gain, floor),
        ),
    )


def _planned(plan: Plan) -> Jobs:
    """Return the search jobs of each candidate, as identity and seed."""
    jobs: Jobs = {}
    for planned in plan.jobs:
        if planned.phase == "search":
            job = planned.request.job
            jobs.setdefault(planned.candidate, []).append((job.id, job.seed))
    return jobs


def _entry(candidate: Candidate, jobs: Jobs, results: Mapping[str, JobResult]) -> Entry:
    scores: dict[int, float] = {}
    failed = 0
    identity = candidate.id
    for job, seed in jobs.get(identity, []):
        result = results.get(job)
        if result and result.status == "done" and METRIC in result.metrics:
            scores[seed] = result.metrics[METRIC]
        elif result and result.status != "stopped":
            failed += 1
    return Entry(identity, candidate, scores, failed)


def _resolution(plan: Plan) -> float:
    """The deviation that counting right answers adds to an accuracy: no noise is below it."""
    return float(1 / (plan.data.validation * 12**0.5))


def _field(entries: Sequence[Entry], level: float, floor: float) -> Field:
    scored = tuple(sorted((e for e in entries if e.scores), key=lambda e: -e.mean))
    groups = [entry.values for entry in scored]
    noise = pooled(groups)
    if noise is None:
        return Field(scored, level, None, None)
    noise = noise.at_least(floor)
    if len(scored) < 2:
        return Field(scored, level, noise, None)
    complete = all(entry.scores.keys() == scored[0].scores.keys() for entry in scored)
    blocked = residual(groups).at_least(floor) if complete else noise
    return Field(scored, level, noise, Comparison.of(groups, blocked, level))


def _eligible(field: Field) -> list[Entry]:
    """Return the candidates that the choice is free to take.

    Those are the tied ones, or of them the mixes that beat every control where there are any:
    a study that shows a gain must not choose one of the tied for which it does not. Without
    noise nothing is tied, and the highest score is taken.
    """
    tied, controls, comparison = field.tied, field.controls, field.comparison
    if not tied:
        return list(field.scored[:1])
    if comparison and controls:
        proven = [i for i in tied if comparison.over_best(i, controls).low > 0]
        tied = proven or tied
    return [field.scored[i] for i in tied]


def _cost_to_run(entry: Entry) -> tuple[int, int, float]:
    """Fewest activations first, which predict time best; then parameters, then accuracy."""
    cost = entry.candidate.cost
    return cost.activations, cost.params, -entry.mean


def _gain(field: Field, chosen: Entry | None) -> Gain | None:
    if chosen is None or not field.controls or not field.mixes:
        return None
    mix = next(i for i in field.mixes if chosen.axis or field.scored[i] is chosen)
    control = field.scored[field.controls[0]]
    assert control.axis
    lead = field.scored[mix].mean - control.mean
    interval = field.comparison and field.comparison.over_best(mix, field.controls)
    return Gain(
        mix=field.scored[mix].id,
        over=control.axis,
        candidate=control.id,
        estimate=lead,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )


def _standing(entry: Entry, field: Field, tied: bool) -> Standing:
    interval = None
    if entry.scores and field.noise:
        interval = mean_interval(entry.mean, len(entry.scores), field.noise, field.level)
    return Standing(
        candidate=entry.id,
        roles=entry.candidate.roles,
        coefficients=entry.candidate.coefficients,
        ratio=entry.candidate.ratio,
        scores=entry.values,
        mean=entry.mean if entry.scores else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        failed=entry.failed,
        tied=tied,
    )


def _sentence(field: Field, gain: Gain | None, chosen: Entry | None) -> str:
    if gain and chosen:
        which = "chosen" if gain.mix == chosen.id else "best"
        return sentences.verdict(gain, field.level, which)
    if not field.scored:
        return sentences.no_verdict("no search job has ended well")
    missing = "any mix" if field.controls else "any single-axis control"
    return sentences.no_verdict(f"there is no score for {missing}")


def _reason(field: Field, pool: Sequence[Entry], chosen: Entry | None) -> str:
    if chosen is None:
        return "No candidate has a score, so none can be chosen."
    eligible = [entry.candidate for entry in pool]
    return sentences.reason(eligible, chosen.candidate, len(field.scored), len(field.tied))


def _beside(field: Field, chosen: Entry | None) -> str:
    """Compare the choice with the splits that are known by name, where it is not one itself."""
    if chosen is None:
        return ""
    leads = {}
    for name in sentences.SPLITS:
        for place, entry in enumerate(field.scored):
            if name in entry.candidate.roles and entry is not chosen:
                leads[name] = entry.mean - chosen.mean, place in field.tied
    return sentences.beside(leads)


def _job_warnings(jobs: Jobs, results: Mapping[str, JobResult]) -> list[str]:
    return sentences.job_warnings([job for group in jobs.values() for job, _ in group], results)


def _warnings(
    spec: StudySpec, entries: Sequence[Entry], field: Field, gain: Gain | None, floor: float
) -> list[str]:
    held = {role for entry in field.scored for role in entry.candidate.roles}
    absent = [axis for axis in AXES if axis in spec.search.controls and axis not in held]
    ratios = {entry.id: entry.candidate.ratio for entry in entries}
    told = [
        sentences.unscored(len(entries) - len(field.scored), len(entries)),
        sentences.absent_controls(absent) if field.scored else "",
        sentences.thin_noise(field.noise, floor) if field.scored else "",
        sentences.uneven_cost(gain, ratios),
    ]
    return [text for text in told if text]
