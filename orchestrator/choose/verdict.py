"""From the results of a search to its verdict: standings, tied set, gain, choice, surface.

The noise is the standard deviation of a score between seeds, pooled over the candidates.
Scores are first brought to the budget's exact cost, each along the line from the baseline. Two
candidates are told apart by one yardstick, critical value x noise x sqrt(1/n + 1/m), where
the critical value counts all comparisons with the best (Dunnett 1955; Hsu 1984). Who lies
within it of the highest mean is tied with it. Among the tied, the spec's tie-break decides
between those whose expected accuracy is nearly the same.

The gain is the lead of a mix over the best control. Its interval makes up for both having
been picked by the data (statistics/post_selection.py), and it excludes 0 only where a test that
needs no such model does too: a false gain has a probability of at most (1 - level) / 2.

Candidates share their seeds. Where every candidate has every seed, seeds are blocks: what a
seed adds to all is taken out of the noise of differences (two-way additive model), for
seeds - 1 degrees of freedom, and it is valid whether seeds matter or not. With a gap in the
table the pooled noise is taken, which a seed's effect only widens. A single mean has a seed's
luck in it; its interval counts that luck by seeds and not by scores (Satterthwaite).

The baseline costs less than the candidates, so it is shown but neither compared nor pooled.
"""

from collections.abc import Mapping, Sequence
from statistics import median_low

from compound.orchestrator.analyse import warnings as cautions
from compound.orchestrator.analyse.optimum import optimum
from compound.orchestrator.analyse.prediction import predict
from compound.orchestrator.analyse.rungs import rungs, screened
from compound.orchestrator.analyse.scores import (
    CandidateScores,
    Jobs,
    ScoredCandidates,
    accuracy_resolution,
    gathered,
    planned,
)
from compound.orchestrator.analyse.standings import baseline_standing, standings
from compound.orchestrator.choose import verdict_text as sentences
from compound.orchestrator.choose.choice_text import reason
from compound.orchestrator.choose.gain import gain as lead
from compound.orchestrator.choose.tie_break import TieBreak, choose, eligible
from compound.orchestrator.statistics.power import POWER, resolvable, seeds_to_resolve
from compound.orchestrator.wording.names import SPLITS
from compound.schemas.architecture import AXES
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Gain, Resolution, Verdict


def analyse(spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]) -> Verdict:
    """Return what the search found and how sure that is. Pure; needs no job to have ended well."""
    jobs = planned(plan)
    baseline, entries, field = gathered(spec, plan, results, jobs)
    pool, tie_break = eligible(field), TieBreak.of(spec.search.tie_break, field.scored)
    chosen = choose(field, pool, tie_break)
    gain = lead(field, chosen, tie_break)
    searched = [one for one in entries if jobs.get(one.id)]
    return Verdict(
        metric=ACCURACY,
        level=field.level,
        noise=field.noise.sd if field.noise else None,
        baseline=baseline_standing(baseline, field),
        standings=standings(entries, field, screened(spec, plan, results)),
        tied=tuple(field.scored[i].id for i in field.tied),
        chosen=chosen.id if chosen else None,
        coefficients=chosen.candidate.coefficients if chosen else None,
        gain=gain,
        outcome=sentences.outcome(gain),
        sentence=_sentence(spec, field, gain, chosen, len(searched))
        if field.scored
        else sentences.no_verdict(cautions.nothing_scored(jobs, results)),
        reason=_reason(field, pool, chosen, tie_break),
        beside=_beside(field, chosen),
        warnings=(
            *_job_warnings(jobs, results),
            *_warnings(
                spec, searched, field, gain, bool(baseline.scores), accuracy_resolution(plan)
            ),
        ),
        resolution=_resolution(field),
        optimum=optimum(field, plan.untried),
        predictions=predict(field, plan.untried, field.level),
        rungs=rungs(spec, plan, results),
    )


def _resolution(field: ScoredCandidates) -> Resolution | None:
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


def _sentence(
    spec: StudySpec,
    field: ScoredCandidates,
    gain: Gain | None,
    chosen: CandidateScores | None,
    searched: int,
) -> str:
    if gain and chosen:
        which = "chosen" if gain.mix == chosen.id else "best"
        return sentences.verdict(gain, field.level, which)
    return sentences.no_verdict(cautions.incomparable(field, searched, spec.search.controls))


def _reason(
    field: ScoredCandidates,
    pool: Sequence[int],
    chosen: CandidateScores | None,
    tie_break: TieBreak,
) -> str:
    if chosen is None:
        return "No candidate has a score, so none can be chosen."
    best_first = [field.scored[i] for i in pool]
    proven = set(field.proven).issuperset(pool)
    return reason(best_first, chosen, len(field.scored), len(field.tied), proven, tie_break)


def _beside(field: ScoredCandidates, chosen: CandidateScores | None) -> str:
    """Compare the choice with the splits that are known by name, where it is not one itself."""
    if chosen is None:
        return ""
    leads = {}
    for name in SPLITS:
        for place, one in enumerate(field.scored):
            if name in one.candidate.roles and one is not chosen:
                leads[name] = one.at_budget - chosen.at_budget, place in field.tied
    return sentences.beside(leads)


def _job_warnings(jobs: Jobs, results: Mapping[str, JobResult]) -> list[str]:
    return sentences.job_warnings([job for group in jobs.values() for job, _ in group], results)


def _warnings(
    spec: StudySpec,
    entries: Sequence[CandidateScores],
    field: ScoredCandidates,
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
        cautions.absent_controls(absent, entries) if field.scored else "",
        sentences.thin_noise(field.noise, floor) if field.scored else "",
        sentences.uneven_cost(gain, ratios, corrected),
        *cautions.after(field, spec.search.seeds, floor),
    ]
    return [text for text in told if text]
