"""What a search cannot say, and what to change so that it can."""

from collections.abc import Mapping, Sequence

from compound.orchestrator.analyse.scores import CandidateScores, Jobs, ScoredCandidates
from compound.orchestrator.plan.resolution_warnings import WIDEN, few_seeds
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.architecture import AXES, Axis
from compound.schemas.job import JobResult


def after(field: ScoredCandidates, seeds: int, floor: float) -> list[str]:
    """Warn of scores that say little; `floor` is what one validation image is worth."""
    if field.comparison is None:
        return []
    text = few_seeds(seeds, len(field.scored), field.level)
    told = [f"{text[0].upper()}{text[1:]}." if text else "", _alike(field, floor)]
    return [text for text in told if text]


def _alike(field: ScoredCandidates, floor: float) -> str:
    """Say where all candidates have the same score, as after too long or too short a schedule."""
    assert field.comparison
    means = field.comparison.means
    if float(means.max() - means.min()) > floor:
        return ""
    return (
        f"All {len(means)} candidates score alike, {points(float(means[0]))} %: a task this easy "
        "or a schedule this short tells no network from another. Change search.train.epochs, or "
        "take harder data."
    )


def nothing_scored(jobs: Jobs, results: Mapping[str, JobResult]) -> str:
    """Say why no candidate has a score."""
    ids = [job for group in jobs.values() for job, _ in group]
    ended = [results[job] for job in ids if job in results]
    if ids and len(ended) == len(ids) and all(one.status == "failed" for one in ended):
        return f"all {counted(len(ids), 'search job')} failed"
    return "no search job has ended well"


def incomparable(field: ScoredCandidates, planned: int, controls: Sequence[str]) -> str:
    """Say what is missing for a gain where some candidate has a score.

    `planned` candidates had search jobs; `controls` are those that the spec names.
    """
    if planned == 1:
        return f"there is one candidate, and nothing to compare it with; {WIDEN}"
    if field.controls:
        return "there is no score for any mix"
    if not {*AXES} & {*controls}:
        return (
            "search.controls names no single axis, so there is nothing to hold a mix against; "
            "add depth, width and resolution"
        )
    return "there is no score for any single-axis control"


def absent_controls(axes: Sequence[Axis], entries: Sequence[CandidateScores]) -> str:
    """Name the single-axis controls that have no score, and say what would bring one."""
    if not axes:
        return ""
    planned = {role for one in entries for role in one.candidate.roles}
    failed = [axis for axis in axes if axis in planned]
    missing = [axis for axis in axes if axis not in planned]
    told = f"No score for the control of {_listed(axes)}: the verdict does not cover it."
    if failed:
        told += " Its jobs have failed or not ended: correct their cause and run again."
    if missing:
        told += f" No network of this cost scales {_listed(missing)} alone; {WIDEN}."
    return told


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
