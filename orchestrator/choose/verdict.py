"""From the results of a search to its verdict; docs/explanation/verdict.md has model and sources.

Candidates share their seeds, so seeds are blocks: what a seed adds to all is removed from
differences, and widens the interval of a single mean. The baseline costs less than the candidates,
so it is shown but neither compared nor pooled.
"""

from collections.abc import Mapping, Sequence
from statistics import median_low

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.equal_cost import gathered
from compound.orchestrator.analyse.mistakes import mistakes
from compound.orchestrator.analyse.optimum import no_optimum, optimum
from compound.orchestrator.analyse.prediction import predict
from compound.orchestrator.analyse.promoted import promoted
from compound.orchestrator.analyse.rungs import rungs, scores_of_rungs, screened
from compound.orchestrator.analyse.scores import (
    CandidateScores,
    Jobs,
    ScoredCandidates,
    planned,
    resolution,
)
from compound.orchestrator.analyse.standings import baseline_standing, standings
from compound.orchestrator.choose import outcomes, rungs_text, warnings
from compound.orchestrator.choose.choice_text import reason
from compound.orchestrator.choose.gain import gain_of
from compound.orchestrator.choose.image_doubt import error_of_images, image_doubt
from compound.orchestrator.choose.no_better_than_chance import unless_guessed
from compound.orchestrator.choose.tie_break import TieBreak, choose, eligible
from compound.orchestrator.choose.worth import worth_of
from compound.orchestrator.statistics.power import POWER, resolvable, seeds_to_resolve
from compound.orchestrator.wording.names import SPLITS
from compound.schemas.architecture import AXES
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Gain, ImageDoubt, Promoted, Resolution, Verdict


def analyse(
    spec: StudySpec,
    plan: Plan,
    results: Mapping[str, JobResult],
    predictions: Mapping[str, Predictions] | None = None,
) -> Verdict:
    """Return the verdict of a search. Pure; also works where no job has succeeded.

    `predictions`: of the validation images, by job. With them all intervals hold for new images
    like these too; None: for these images alone, and the verdict does not mention them.
    """
    jobs = planned(plan)
    baseline, entries, scored = gathered(spec, plan, results, jobs, predictions)
    pool, tie_break = eligible(scored), TieBreak.of(spec.search.tie_break, scored.candidates)
    chosen = choose(scored, pool, tie_break)
    gain, best = gain_of(scored, chosen), optimum(scored, plan.untried)
    by_rung = scores_of_rungs(spec, plan, results)
    after_rungs = promoted(by_rung, scored)
    searched, every = [entry for entry in entries if jobs.get(entry.id)], [baseline, *entries]
    images = image_doubt(every, scored, predictions)
    verdict = Verdict(
        metric=ACCURACY,
        level=scored.level,
        noise=scored.contenders_noise,
        baseline=baseline_standing(baseline, scored),
        standings=standings(entries, scored, screened(by_rung)),
        tied=tuple(scored.candidates[i].id for i in scored.tied),
        chosen=chosen.id if chosen else None,
        coefficients=chosen.candidate.coefficients if chosen else None,
        gain=gain,
        outcome=outcomes.outcome(gain),
        sentence=_sentence(scored, gain, chosen, after_rungs)
        or outcomes.no_verdict(_missing(spec, scored, len(searched), jobs, results)),
        reason=_reason(scored, pool, chosen, tie_break),
        beside=_beside(scored, chosen),
        warnings=(
            *_job_warnings(jobs, results, images),
            *_warnings(spec, baseline, searched, scored, gain),
        ),
        worth=worth_of(scored, chosen),
        resolution=_resolution(scored),
        optimum=best,
        no_optimum="" if best else no_optimum(scored),
        predictions=predict(scored, plan.untried),
        rungs=rungs(by_rung, scored.level),
        promoted=after_rungs,
        images=images,
        mistakes=mistakes(chosen, entries, predictions or {}, plan.data.classes),
    )
    return unless_guessed(verdict, spec, plan.data, every)


def _resolution(scored: ScoredCandidates) -> Resolution | None:
    networks = len(scored.candidates)
    if networks < 2:
        return None
    seeds = median_low(len(entry.scores) for entry in scored.candidates)
    multiple = resolvable(seeds, networks, scored.level)
    sd = _noise_with_images(scored, seeds) if scored.comparison else None
    return Resolution(
        seeds=seeds,
        networks=networks,
        level=scored.level,
        power=POWER,
        difference=multiple * sd if multiple and sd else None,
        seeds_for_noise=seeds_to_resolve(1.0, networks, scored.level),
        seeds_for_half=seeds_to_resolve(0.5, networks, scored.level),
    )


def _noise_with_images(scored: ScoredCandidates, seeds: int) -> float | None:
    """Return the noise of a score that would make differences as uncertain as they are."""
    sd, error = scored.contenders_noise, error_of_images(scored)
    return (sd**2 + seeds * error**2 / 2) ** 0.5 if sd and error else sd


def _sentence(
    scored: ScoredCandidates,
    gain: Gain | None,
    chosen: CandidateScores | None,
    after_rungs: Promoted | None,
) -> str:
    """Return the verdict in words; "" where mix and single axis cannot be compared."""
    if not gain or not chosen:
        return ""
    which = "chosen" if gain.mix == chosen.id else "best"
    tied = [axis for i in scored.tied if (axis := scored.candidates[i].axis)]
    text = outcomes.sentence(gain, scored.level, which, chosen.axis or "", tied)
    return f"{text} {rungs_text.claim(after_rungs, scored.level)}".rstrip()


def _missing(
    spec: StudySpec,
    scored: ScoredCandidates,
    searched: int,
    jobs: Jobs,
    results: Mapping[str, JobResult],
) -> str:
    """Return why there is no gain to judge."""
    if not scored.candidates:
        return warnings.nothing_scored(jobs, results)
    return warnings.incomparable(scored, searched, spec.search.controls)


def _reason(
    scored: ScoredCandidates,
    pool: Sequence[int],
    chosen: CandidateScores | None,
    tie_break: TieBreak,
) -> str:
    if chosen is None:
        return "No candidate has a score, so none can be chosen."
    best_first = [scored.candidates[i] for i in pool]
    proven = set(scored.proven).issuperset(pool)
    return reason(best_first, chosen, len(scored.candidates), len(scored.tied), proven, tie_break)


def _beside(scored: ScoredCandidates, chosen: CandidateScores | None) -> str:
    """Compare the choice with the named splits, unless it is one of them itself."""
    if chosen is None:
        return ""
    leads = {}
    for name in SPLITS:
        for position, entry in enumerate(scored.candidates):
            if name in entry.candidate.roles and entry is not chosen:
                leads[name] = entry.at_budget - chosen.at_budget, position in scored.tied
    return outcomes.beside(leads)


def _job_warnings(
    jobs: Jobs, results: Mapping[str, JobResult], images: ImageDoubt | None
) -> list[str]:
    """Warn of jobs that have not ended well, and of those whose answers to images are unknown."""
    ended = warnings.job_warnings([job for group in jobs.values() for job, _ in group], results)
    return [*ended, images.sentence] if images and images.unknown else ended


def _warnings(
    spec: StudySpec,
    baseline: CandidateScores,
    entries: Sequence[CandidateScores],
    scored: ScoredCandidates,
    gain: Gain | None,
) -> list[str]:
    floor = resolution(scored.images)
    scored_roles = {role for entry in scored.candidates for role in entry.candidate.roles}
    absent = [axis for axis in AXES if axis in spec.search.controls and axis not in scored_roles]
    ratios = {entry.id: entry.candidate.ratio for entry in entries}
    texts = [
        warnings.unscored(
            len(entries) - len(scored.candidates),
            len(entries),
            sum(entry.pruned > 0 and not entry.scores for entry in entries),
        ),
        warnings.collapsed_runs([baseline, *entries]),
        warnings.absent_controls(absent, entries) if scored.candidates else "",
        warnings.thin_noise(scored.noise, floor) if scored.candidates else "",
        warnings.uneven_cost(gain, ratios, corrected=bool(baseline.scores)),
        warnings.hangs_on_cost(scored),
        warnings.too_few_seeds(scored, spec.search.seeds),
        warnings.all_alike(scored, floor),
    ]
    return [text for text in texts if text]
