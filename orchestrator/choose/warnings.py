"""Warnings: what the results of a search cannot support, and what to change."""

from collections import Counter
from collections.abc import Mapping, Sequence

from compound.orchestrator.analyse.scores import CandidateScores, Jobs, ScoredCandidates
from compound.orchestrator.plan.resolution_warnings import WIDEN, few_seeds
from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.wording.names import name
from compound.orchestrator.wording.numbers import counted, percent
from compound.schemas.architecture import AXES, Axis
from compound.schemas.job import JobResult
from compound.schemas.verdict import Gain

FEW_DEGREES = 6
"""Below this many degrees of freedom the noise is known only within a factor of about two."""
EASY = 0.99
"""The accuracy from which on equal scores mean that a task is easy."""
NAMED = 4
"""Collapsed runs that a warning names."""
UNEVEN = 0.02
"""A relative difference in cost from which on the verdict mentions it."""


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


def uneven_cost(gain: Gain | None, ratios: Mapping[str, float], *, corrected: bool) -> str:
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


def too_few_seeds(scored: ScoredCandidates, seeds: int) -> str:
    """Warn of a level that so few seeds hardly bear."""
    text = few_seeds(seeds, len(scored.candidates), scored.level) if scored.comparison else ""
    return f"{text[0].upper()}{text[1:]}." if text else ""


def all_alike(scored: ScoredCandidates, floor: float) -> str:
    """Warn where the candidates are within one image, of accuracy `floor`, of each other."""
    means = [entry.at_budget for entry in scored.candidates]
    if scored.comparison is None or max(means) - min(means) > floor:
        return ""
    score = f"All {len(means)} candidates have the same score, {percent(float(means[0]))}"
    if min(means) >= EASY:
        return f"{score}: the task is too easy to tell networks apart. Use harder data."
    return (
        f"{score}: the schedule may be too short to tell networks apart. Change "
        "search.train.epochs, or use more validation images."
    )


def nothing_scored(jobs: Jobs, results: Mapping[str, JobResult]) -> str:
    """Return why no candidate has a score."""
    ids = [job for group in jobs.values() for job, _ in group]
    ended = [results[job] for job in ids if job in results]
    if ids and len(ended) == len(ids) and all(result.status == "failed" for result in ended):
        return f"all {counted(len(ids), 'search job')} failed"
    return "no search job is done"


def incomparable(scored: ScoredCandidates, planned: int, controls: Sequence[str]) -> str:
    """Return what is missing for a gain where some candidate has a score.

    `planned` candidates had search jobs; `controls` are those that the spec names.
    """
    if planned == 1:
        return f"there is only one candidate, so nothing can be compared; {WIDEN}"
    if scored.controls:
        return "no mix has a score"
    if not {*AXES} & {*controls}:
        return (
            "search.controls names no single axis, so no mix can be compared with one; "
            "add depth, width and resolution"
        )
    return "no single-axis control has a score"


def absent_controls(axes: Sequence[Axis], entries: Sequence[CandidateScores]) -> str:
    """Warn of single-axis controls without a score, and say what to do."""
    if not axes:
        return ""
    planned = {role for entry in entries for role in entry.candidate.roles}
    failed = [axis for axis in axes if axis in planned]
    missing = [axis for axis in axes if axis not in planned]
    warning = f"No score for the control of {' and '.join(axes)}: the verdict does not cover it."
    if failed:
        warning += " Its jobs failed or have not ended. Correct the cause and run again."
    if missing:
        warning += f" No network of this cost scales {' and '.join(missing)} alone; {WIDEN}."
    return warning
