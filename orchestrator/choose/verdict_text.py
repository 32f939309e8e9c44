"""The verdict in plain English, with numbers: accuracies as percent points."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from compound.orchestrator.statistics.comparison import Noise
from compound.orchestrator.statistics.power import resolvable, seeds_to_resolve
from compound.orchestrator.wording.names import SPLITS, triple
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.architecture import Control
from compound.schemas.job import JobResult
from compound.schemas.verdict import Gain, Resolution, Verdict

Outcome = Literal["gain", "no gain", "loss", "undecided", "no verdict"]

FEW_DEGREES = 6
"""Below this many degrees of freedom the noise itself is known within a factor of about two."""
UNEVEN = 0.02
"""A relative difference in cost that is worth a word."""


def outcome(gain: Gain | None) -> Outcome:
    """Say in one word what an interval of the gain means."""
    if gain is None:
        return "no verdict"
    if gain.low is None or gain.high is None:
        return "undecided"
    if gain.low > 0:
        return "gain"
    return "loss" if gain.high < 0 else "no gain"


def no_verdict(missing: str) -> str:
    """Say what a verdict would have needed."""
    return f"No verdict on compound scaling: {missing}."


def verdict(gain: Gain, level: float, which: str) -> str:
    """Write the verdict as one sentence; `which` mix stands for compound scaling."""
    size, rival = points(abs(gain.estimate)), f"{gain.over} alone"
    stands = f"{size} points {'below' if gain.estimate < 0 else 'above'} {rival}"
    if gain.low is None or gain.high is None:
        return (
            f"Undecided: the {which} mix stands {stands}, "
            "but with one seed a candidate the noise is unknown."
        )
    interval = f"{100 * level:g} % interval {points(gain.low)} to {points(gain.high)}"
    return {
        "gain": f"Compound scaling gains {size} points over {rival} ({interval}).",
        "loss": f"Compound scaling loses {size} points against {rival} ({interval}).",
    }.get(outcome(gain), f"No gain is shown: the {which} mix stands {stands} ({interval}).")


def beside(leads: Mapping[Control, tuple[float, bool]]) -> str:
    """Say how named splits stand to the choice: their lead over it, and whether they are tied."""
    told = []
    for name, (lead, tied) in leads.items():
        stands = f"{points(abs(lead))} points {'above' if lead > 0 else 'below'} it"
        told.append(f"The {SPLITS[name]} split stands {stands}{', tied' if tied else ''}.")
    return " ".join(told)


def next_step(verdict: Verdict) -> str:
    """Say what to do with a verdict."""
    if verdict.coefficients is None:
        return "Look at the failed jobs below, correct their cause, and run the same command again."
    take = f"Scale by {triple(verdict.coefficients)}."
    return {
        "gain": take,
        "no gain": f"{take} {_finer(verdict)}",
        "loss": f"{take} One axis serves this network and these data better than a mix.",
        "undecided": f"{take} Set search.seeds to 3 or more and run again: only new seeds train.",
        "no verdict": f"{take} Correct what is missing and run again: jobs that ended are kept.",
    }[verdict.outcome]


def _finer(verdict: Verdict) -> str:
    found = verdict.resolution
    if found is None or found.difference is None:
        return ""
    return (
        f"This study resolves differences from {points(found.difference)} points up; four times "
        "the seeds (search.seeds) halve that, and only the new ones train."
    )


def foresight(seeds: int, networks: int, level: float) -> str:
    """Say before anything ran which differences a study will see, in units of the noise."""
    multiple = resolvable(seeds, networks, level)
    if multiple is None:
        return ""
    needed = _needed(*(seeds_to_resolve(size, networks, level) for size in (1.0, 0.5)))
    return (
        f"{counted(seeds, 'seed')} and {counted(networks, 'network')} resolve a difference of "
        f"{multiple:.1f} sigma, the noise between seeds; {needed}"
    )


def _needed(one: int | None, half: int | None) -> str:
    whole = "over 1,000 seeds" if one is None else counted(one, "seed")
    part = "over 1,000" if half is None else f"{half:,}"
    return f"one as large as the noise takes {whole}, half of that {part}."


def resolution(found: Resolution | None) -> str:
    """Say after a search which differences it could see."""
    if found is None:
        return ""
    needed = _needed(found.seeds_for_noise, found.seeds_for_half)
    if found.difference is None:
        return f"One seed a candidate resolves no difference; {needed}"
    return (
        f"{counted(found.seeds, 'seed')} and {counted(found.networks, 'network')} resolve "
        f"a difference of {points(found.difference)} points with a probability of "
        f"{100 * found.power:.0f} %; {needed}"
    )


def job_warnings(
    jobs: Sequence[str], results: Mapping[str, JobResult], noun: str = "search job"
) -> list[str]:
    """Count the jobs that failed, by cause, were pruned, and have not ended."""
    ended = [results[job] for job in jobs if job in results]
    causes = Counter(r.cause.kind if r.cause else "error" for r in ended if r.status == "failed")
    failed = sum(causes.values())
    pruned = sum(result.pruned for result in ended)
    stopped = sum(result.status == "stopped" for result in ended) - pruned
    unended = len(jobs) - len(ended) + stopped
    told = []
    if failed:
        parts = ", ".join(f"{number} {kind}" for kind, number in causes.most_common())
        told.append(f"{failed} of {counted(len(jobs), noun)} failed: {parts}.")
    if pruned:
        told.append(
            f"{pruned} of {counted(len(jobs), noun)} were pruned as falling behind: the "
            "mean of a candidate that lost only some of its seeds may be too high."
        )
    if unended:
        told.append(f"{unended} of {counted(len(jobs), noun)} have not ended yet.")
    return told


def unscored(number: int, total: int, pruned: int = 0) -> str:
    """Say how many candidates have no score at all, of which so many lost jobs to promotion."""
    if not number:
        return ""
    what = f"{number} of {counted(total, 'candidate')} have no score and are not compared"
    return f"{what}: {pruned} of them had jobs pruned." if pruned else f"{what}."


def thin_noise(noise: Noise | None, resolution: float) -> str:
    """Say where the noise, and with it every interval, rests on little."""
    if noise is None:
        return "No candidate has two scores, so the noise is unknown and there are no intervals."
    if noise.sd <= resolution:
        return (
            "The seeds agree to within one validation image, so the intervals rest on the "
            "number of validation images alone."
        )
    if noise.df < FEW_DEGREES:
        freedom = "degree of freedom" if noise.df == 1 else "degrees of freedom"
        return f"The noise rests on {noise.df} {freedom} only: more seeds narrow the intervals."
    return ""


def uneven_cost(gain: Gain | None, ratios: Mapping[str, float], corrected: bool) -> str:
    """Say where the mix costs more or less than its control, and what was done about it."""
    if gain is None:
        return ""
    excess = ratios[gain.mix] / ratios[gain.candidate] - 1
    if abs(excess) <= UNEVEN:
        return ""
    costs = f"{100 * abs(excess):.0f} % {'more' if excess > 0 else 'less'}"
    told = f"The mix costs {costs} than the control it is compared with"
    if not corrected:
        return f"{told}; without a score of the baseline nothing corrects for it."
    return f"{told}; what that is worth by the step from the baseline is taken into account."
