"""Warnings: what the results of a search cannot support, and what to change."""

from collections.abc import Mapping, Sequence

from compound.orchestrator.analyse.scores import CandidateScores, Jobs, ScoredCandidates
from compound.orchestrator.plan.resolution_warnings import WIDEN, few_seeds
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.architecture import AXES, Axis
from compound.schemas.job import JobResult


def after(scored: ScoredCandidates, seeds: int, floor: float) -> list[str]:
    """Warn of scores with little information; `floor` is the accuracy of one validation image."""
    if scored.comparison is None:
        return []
    text = few_seeds(seeds, len(scored.candidates), scored.level)
    warnings = [f"{text[0].upper()}{text[1:]}." if text else "", _alike(scored, floor)]
    return [text for text in warnings if text]


def _alike(scored: ScoredCandidates, floor: float) -> str:
    """Warn where all candidates have the same score, as after too long or too short a schedule."""
    assert scored.comparison
    means = [entry.at_budget for entry in scored.candidates]
    if max(means) - min(means) > floor:
        return ""
    return (
        f"All {len(means)} candidates have the same score, {points(float(means[0]))} %: the task "
        "is too easy, or the schedule too short, to tell networks apart. Change "
        "search.train.epochs, or use harder data."
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
    warning = f"No score for the control of {_listed(axes)}: the verdict does not cover it."
    if failed:
        warning += " Its jobs failed or have not ended. Correct the cause and run again."
    if missing:
        warning += f" No network of this cost scales {_listed(missing)} alone; {WIDEN}."
    return warning


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
