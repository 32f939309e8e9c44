"""The verdict in plain English, with numbers: accuracies as percent points."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.choose import rungs_text
from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.statistics.power import resolvable, seeds_to_resolve
from compound.orchestrator.wording.names import SPLITS, name, triple
from compound.orchestrator.wording.numbers import counted, percent, points
from compound.schemas.architecture import Control
from compound.schemas.job import JobResult
from compound.schemas.verdict import Gain, Resolution, Verdict

Outcome = Literal["gain", "no gain", "loss", "undecided", "no verdict"]

FEW_DEGREES = 6
"""Below this many degrees of freedom the noise is known only within a factor of about two."""
NAMED = 4
"""Collapsed runs that a warning names."""
UNEVEN = 0.02
"""A relative difference in cost from which on the verdict mentions it."""


def outcome(gain: Gain | None) -> Outcome:
    """Return what the interval of a gain means."""
    if gain is None:
        return "no verdict"
    if gain.low is None or gain.high is None:
        return "undecided"
    if gain.low > 0:
        return "gain"
    return "loss" if gain.high < 0 else "no gain"


def no_verdict(missing: str) -> str:
    """Return the sentence for a search without a verdict; `missing` is the reason."""
    return f"No verdict on compound scaling: {missing}."


def verdict(gain: Gain, level: float, which: str) -> str:
    """Return the verdict as one sentence; `which` mix represents compound scaling."""
    size, rival = points(abs(gain.estimate)), f"{gain.over} alone"
    difference = f"{size} points {'below' if gain.estimate < 0 else 'above'} {rival}"
    if gain.low is None or gain.high is None:
        return (
            f"Undecided: the {which} mix is {difference}, "
            "but with one seed per candidate the noise is unknown."
        )
    interval = f"{100 * level:g} % interval {points(gain.low)} to {points(gain.high)}"
    return {
        "gain": f"Compound scaling gains {size} points over {rival} ({interval}).",
        "loss": f"Compound scaling loses {size} points against {rival} ({interval}).",
        "no gain": f"No gain is shown: the {which} mix is {difference} ({interval}).",
    }[outcome(gain)]


def beside(leads: Mapping[Control, tuple[float, bool]]) -> str:
    """Compare named splits with the choice: by their lead over it, and whether they are tied."""
    sentences = []
    for split, (lead, tied) in leads.items():
        difference = f"{points(abs(lead))} points {'above' if lead > 0 else 'below'} it"
        tie = " and tied with the best" if tied else ""
        sentences.append(f"The {SPLITS[split]} split is {difference}{tie}.")
    return " ".join(sentences)


def next_step(verdict: Verdict) -> str:
    """Return what to do with a verdict."""
    if verdict.coefficients is None:
        return "Look at the failed jobs below. Correct the cause, then run the same command again."
    if verdict.selected:
        return rungs_text.AFTER_ASHA
    take = f"Scale by {triple(verdict.coefficients)}."
    return {
        "gain": take,
        "no gain": f"{take} {_finer(verdict)}",
        "loss": f"{take} For this network and these data one axis is better than a mix.",
        "undecided": f"{take} Set search.seeds to 3 or more and run again: only new seeds train.",
        "no verdict": f"{take} Correct what is missing and run again: jobs that ended are kept.",
    }[verdict.outcome]


def _finer(verdict: Verdict) -> str:
    resolution = verdict.resolution
    if resolution is None or resolution.difference is None:
        return ""
    return (
        f"This study resolves differences of {points(resolution.difference)} points or more. Four "
        "times the seeds (search.seeds) halve that; only the new seeds are trained."
    )


def foresight(seeds: int, networks: int, level: float) -> str:
    """Return which differences a study will resolve, before any job runs; in sigma."""
    multiple = resolvable(seeds, networks, level)
    if multiple is None:
        return ""
    needed = _needed(*(seeds_to_resolve(size, networks, level) for size in (1.0, 0.5)))
    return (
        f"{counted(seeds, 'seed')} and {counted(networks, 'network')} resolve a difference of "
        f"{multiple:.1f} sigma (sigma: the noise between seeds). {needed}"
    )


def _needed(whole_noise: int | None, half_noise: int | None) -> str:
    whole = "over 1,000 seeds" if whole_noise is None else counted(whole_noise, "seed")
    part = "over 1,000" if half_noise is None else f"{half_noise:,}"
    return f"A difference as large as the noise needs {whole}, half of it {part}."


def resolution(reached: Resolution | None) -> str:
    """Return, after a search, which differences it could resolve."""
    if reached is None:
        return ""
    needed = _needed(reached.seeds_for_noise, reached.seeds_for_half)
    if reached.difference is None:
        return f"One seed per candidate resolves no difference. {needed}"
    return (
        f"{counted(reached.seeds, 'seed')} and {counted(reached.networks, 'network')} resolve "
        f"a difference of {points(reached.difference)} points with a probability of "
        f"{100 * reached.power:.0f} %. {needed}"
    )


def job_warnings(
    jobs: Sequence[str], results: Mapping[str, JobResult], noun: str = "search job"
) -> list[str]:
    """Warn of jobs that failed, by cause, that were pruned, and that have not ended."""
    ended = [results[job] for job in jobs if job in results]
    causes = Counter(r.cause.kind if r.cause else "error" for r in ended if r.status == "failed")
    failed = sum(causes.values())
    pruned = sum(result.pruned for result in ended)
    stopped = sum(result.status == "stopped" for result in ended) - pruned
    unended = len(jobs) - len(ended) + stopped
    warnings = []
    if failed:
        parts = ", ".join(f"{number} {kind}" for kind, number in causes.most_common())
        warnings.append(f"{failed} of {counted(len(jobs), noun)} failed: {parts}.")
    if pruned:
        warnings.append(
            f"{pruned} of {counted(len(jobs), noun)} were pruned because they fell behind. "
            "Where a candidate lost only some of its seeds, its mean may be too high."
        )
    if unended:
        warnings.append(f"{unended} of {counted(len(jobs), noun)} have not ended yet.")
    return warnings


def unscored(number: int, total: int, pruned: int = 0) -> str:
    """Warn of candidates without any score; `pruned` of them had jobs pruned."""
    if not number:
        return ""
    text = f"{number} of {counted(total, 'candidate')} have no score and are not compared"
    return f"{text}: {pruned} of them had jobs pruned." if pruned else f"{text}."


def collapsed_runs(entries: Sequence[CandidateScores]) -> str:
    """Name the runs that ended near chance while other seeds of their network learned."""
    runs = [
        f"seed {seed} of {name(entry.candidate)} ended at {percent(score)}"
        for entry in entries
        for seed, score in entry.collapsed.items()
    ]
    if not runs:
        return ""
    more = f", and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    return (
        f"{counted(len(runs), 'run')} collapsed and took no part in the verdict: "
        f"{', '.join(runs[:NAMED])}{more}."
    )


def hangs_on_cost(scored: ScoredCandidates) -> str:
    """Warn where a gain is proven only with, or only without, the correction for uneven cost."""
    if scored.comparison is None or scored.uncorrected is None:
        return ""
    if not scored.controls or not scored.mixes:
        return ""
    comparisons = (scored.comparison, scored.uncorrected)
    sides = [comparison.proven(scored.mixes, scored.controls) for comparison in comparisons]
    if scored.proven or not any(sides):
        return ""
    side = "with" if sides[0] else "without"
    return (
        f"A gain is proven only {side} the correction for uneven cost, so none is reported. A "
        "smaller search.budget.tolerance, finer rounding or a larger baseline evens costs out."
    )


def thin_noise(noise: Noise | None, resolution: float) -> str:
    """Warn where the noise, and so every interval, is poorly known."""
    if noise is None:
        return "No candidate has two scores, so the noise is unknown and there are no intervals."
    if noise.sd <= resolution:
        return (
            "The seeds agree to within one validation image, so the intervals come from the "
            "number of validation images alone."
        )
    if noise.df < FEW_DEGREES:
        freedom = "degree of freedom" if noise.df == 1 else "degrees of freedom"
        return f"The noise has only {noise.df} {freedom}: more seeds narrow the intervals."
    return ""


def uneven_cost(gain: Gain | None, ratios: Mapping[str, float], corrected: bool) -> str:
    """Warn where mix and control differ in cost, and say whether that is corrected."""
    if gain is None:
        return ""
    excess = ratios[gain.mix] / ratios[gain.candidate] - 1
    if abs(excess) <= UNEVEN:
        return ""
    costs = f"{100 * abs(excess):.0f} % {'more' if excess > 0 else 'less'}"
    text = f"The mix costs {costs} than the control it is compared with"
    if not corrected:
        return f"{text}. Without a score of the baseline this is not corrected."
    return f"{text}. The comparison corrects for this by the step from the baseline."
