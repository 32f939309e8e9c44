"""From the results of a search to its verdict: standings, tied set, gain, choice."""

from collections.abc import Mapping, Sequence
from statistics import median_low

import numpy as np

from orchestrator import sentences
from orchestrator.field import (
    METRIC,
    Entry,
    Field,
    Jobs,
    at_equal_cost,
    compare,
    entry,
    planned,
)
from orchestrator.power import POWER, resolvable, seeds_to_resolve
from orchestrator.selection import INDIFFERENT, Contest, lead_interval
from orchestrator.statistics import mean_interval
from schemas.architecture import AXES
from schemas.job import JobResult
from schemas.plan import Plan
from schemas.study import StudySpec
from schemas.verdict import Gain, Resolution, Standing, Verdict

__all__ = ["METRIC", "analyse"]


def analyse(spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]) -> Verdict:
    """Return what the search found and how sure that is. Pure; needs no job to have ended well.

    The noise is the standard deviation of a score between seeds, pooled over the candidates.
    Scores are first brought to the budget's exact cost, each along the line from the baseline. Two
    candidates are told apart by one yardstick, critical value x noise x sqrt(1/n + 1/m), where
    the critical value counts all comparisons with the best (Dunnett 1955; Hsu 1984). Who lies
    within it of the highest mean is tied with it. Among the tied, cost decides between those
    whose expected accuracy is nearly the same.

    The gain is the lead of a mix over the best control. Its interval makes up for both having
    been picked by the data (orchestrator/selection.py), and it excludes 0 only where a test that
    needs no such model does too: a false gain has a probability of at most (1 - level) / 2.

    Candidates share their seeds. Where every candidate has every seed, seeds are blocks: what a
    seed adds to all is taken out of the noise of differences (two-way additive model), for
    seeds - 1 degrees of freedom, and it is valid whether seeds matter or not. With a gap in the
    table the pooled noise is taken, which a seed's effect only widens. A single mean has a seed's
    luck in it; its interval counts that luck by seeds and not by scores (Satterthwaite).

    The baseline costs less than the candidates, so it is shown but neither compared nor pooled.
    """
    jobs = planned(plan)
    baseline = entry(plan.baseline, jobs, results)
    entries = [entry(candidate, jobs, results) for candidate in plan.candidates]
    entries = at_equal_cost(entries, baseline, spec.search.budget.multiple)
    field = compare(entries, spec.search.level, _floor(plan))
    pool = _eligible(field)
    chosen = _choice(field, pool)
    gain = _gain(field, chosen)
    return Verdict(
        metric=METRIC,
        level=field.level,
        noise=field.noise.sd if field.noise else None,
        baseline=_baseline(baseline, field),
        standings=_standings(entries, field),
        tied=tuple(field.scored[i].id for i in field.tied),
        chosen=chosen.id if chosen else None,
        coefficients=chosen.candidate.coefficients if chosen else None,
        gain=gain,
        outcome=sentences.outcome(gain),
        sentence=_sentence(field, gain, chosen),
        reason=_reason(field, pool, chosen),
        beside=_beside(field, chosen),
        warnings=(
            *_job_warnings(jobs, results),
            *_warnings(spec, entries, field, gain, bool(baseline.scores), _floor(plan)),
        ),
        resolution=_resolution(field),
    )


def _floor(plan: Plan) -> float:
    """The deviation that counting right answers adds to an accuracy: no noise is below it."""
    return float(1 / (plan.data.validation * 12**0.5))


def _eligible(field: Field) -> list[int]:
    """Return the positions that the choice is free to take.

    Those are the tied ones, or of them the mixes that beat every control where there are any:
    a study that shows a gain must not choose one of the tied for which it does not. Without
    noise nothing is tied, and the highest score is taken. Of these, only who is expected to be
    about as good as the best: the tied set of a study with few seeds holds bad ones too.
    """
    if field.surface is None or field.comparison is None:
        return [0] if field.scored else []
    proven = set(field.proven)
    pool = [i for i in field.tied if i in proven] or field.tied
    expected = field.surface.expected[pool]
    near = expected >= expected.max() - INDIFFERENT * field.comparison.noise.sd
    return [i for i, inside in zip(pool, near, strict=True) if inside]


def _choice(field: Field, pool: Sequence[int]) -> Entry | None:
    return min((field.scored[i] for i in pool), key=_cost_to_run, default=None)


def _cost_to_run(entry: Entry) -> tuple[int, int, float]:
    """Fewest activations first, which predict time best; then parameters, then accuracy."""
    cost = entry.candidate.cost
    return cost.activations, cost.params, -entry.at_budget


def _contest(field: Field) -> Contest:
    costs = [_cost_to_run(field.scored[i]) for i in field.mixes]
    cheapest_first = sorted(range(len(costs)), key=costs.__getitem__)
    rank = np.argsort(cheapest_first).astype(np.float64)
    return Contest(field.mixes, field.controls, rank)


def _gain(field: Field, chosen: Entry | None) -> Gain | None:
    if chosen is None or not field.controls or not field.mixes:
        return None
    mix = _mix(field, chosen)
    control = field.scored[field.controls[0]]
    assert control.axis
    low, high = _interval(field, mix)
    return Gain(
        mix=field.scored[mix].id,
        over=control.axis,
        candidate=control.id,
        estimate=field.scored[mix].at_budget - control.at_budget,
        low=low,
        high=high,
    )


def _mix(field: Field, chosen: Entry) -> int:
    """Return the position of the mix that stands for compound scaling."""
    if not chosen.axis:
        return field.scored.index(chosen)
    tied = set(field.tied)
    return next((i for i in field.mixes if i in tied), field.mixes[0])


def _interval(field: Field, mix: int) -> tuple[float, float] | tuple[None, None]:
    """Return the ends of the gain's interval.

    One that would exclude 0 is stretched to it where the comparison proves neither a gain nor,
    by the mix having left the tied set, a loss.
    """
    if field.comparison is None or field.surface is None:
        return None, None
    noise = field.comparison.noise
    found = lead_interval(_contest(field), field.surface, noise, mix, field.level)
    low = found.low if mix in field.proven else min(found.low, 0.0)
    high = max(found.high, 0.0) if mix in field.tied else found.high
    return low, high


def _baseline(baseline: Entry, field: Field) -> Standing | None:
    if not baseline.scores and not baseline.failed:
        return None
    return _standing(baseline, field)


def _standings(entries: Sequence[Entry], field: Field) -> tuple[Standing, ...]:
    """Return the best mean first, and last the candidates without a score."""
    tied = {field.scored[i].id for i in field.tied}
    expected: dict[str, float] = {}
    if field.surface is not None:
        values = field.surface.expected.tolist()
        expected = {one.id: value for one, value in zip(field.scored, values, strict=True)}
    told = [_standing(one, field, one.id in tied, expected.get(one.id)) for one in entries]
    return tuple(sorted(told, key=lambda one: np.inf if one.mean is None else -one.mean))


def _standing(
    entry: Entry, field: Field, tied: bool = False, expected: float | None = None
) -> Standing:
    interval = None
    if entry.scores and field.noise:
        interval = mean_interval(entry.mean, len(entry.scores), field.noise, field.level)
    compared = bool(entry.scores) and "baseline" not in entry.candidate.roles
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
        at_budget=entry.at_budget if compared else None,
        expected=expected,
    )


def _resolution(field: Field) -> Resolution | None:
    networks = len(field.scored)
    if networks < 2:
        return None
    seeds = median_low(len(one.scores) for one in field.scored)
    multiple = resolvable(seeds, networks, field.level)
    sd = field.comparison.noise.sd if field.comparison else None
    return Resolution(
        seeds=seeds,
        networks=networks,
        level=field.level,
        power=POWER,
        difference=multiple * sd if multiple and sd else None,
        seeds_for_noise=seeds_to_resolve(1.0, networks, field.level),
        seeds_for_half=seeds_to_resolve(0.5, networks, field.level),
    )


def _sentence(field: Field, gain: Gain | None, chosen: Entry | None) -> str:
    if gain and chosen:
        which = "chosen" if gain.mix == chosen.id else "best"
        return sentences.verdict(gain, field.level, which)
    if not field.scored:
        return sentences.no_verdict("no search job has ended well")
    missing = "any mix" if field.controls else "any single-axis control"
    return sentences.no_verdict(f"there is no score for {missing}")


def _reason(field: Field, pool: Sequence[int], chosen: Entry | None) -> str:
    if chosen is None:
        return "No candidate has a score, so none can be chosen."
    eligible = [field.scored[i].candidate for i in pool]
    proven = set(field.proven).issuperset(pool)
    return sentences.reason(eligible, chosen.candidate, len(field.scored), len(field.tied), proven)


def _beside(field: Field, chosen: Entry | None) -> str:
    """Compare the choice with the splits that are known by name, where it is not one itself."""
    if chosen is None:
        return ""
    leads = {}
    for name in sentences.SPLITS:
        for place, one in enumerate(field.scored):
            if name in one.candidate.roles and one is not chosen:
                leads[name] = one.at_budget - chosen.at_budget, place in field.tied
    return sentences.beside(leads)


def _job_warnings(jobs: Jobs, results: Mapping[str, JobResult]) -> list[str]:
    return sentences.job_warnings([job for group in jobs.values() for job, _ in group], results)


def _warnings(
    spec: StudySpec,
    entries: Sequence[Entry],
    field: Field,
    gain: Gain | None,
    corrected: bool,
    floor: float,
) -> list[str]:
    held = {role for entry in field.scored for role in entry.candidate.roles}
    absent = [axis for axis in AXES if axis in spec.search.controls and axis not in held]
    ratios = {entry.id: entry.candidate.ratio for entry in entries}
    told = [
        sentences.unscored(
            len(entries) - len(field.scored),
            len(entries),
            sum(one.pruned > 0 and not one.scores for one in entries),
        ),
        sentences.absent_controls(absent) if field.scored else "",
        sentences.thin_noise(field.noise, floor) if field.scored else "",
        sentences.uneven_cost(gain, ratios, corrected),
    ]
    return [text for text in told if text]
