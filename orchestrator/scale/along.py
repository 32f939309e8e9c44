"""The ways of scaling compared at equal cost, and from which phi on the choice is ahead.

Accuracies are compared on log odds, each network with a moderated noise of its own, as in the
search. What is claimed of the leads, and what their intervals count: way_leads.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from compound.orchestrator.analyse.equal_cost import at_equal_cost
from compound.orchestrator.analyse.scores import (
    CandidateScores,
    candidate_scores,
    score_table,
)
from compound.orchestrator.scale.along_text import collapsed_text, tell, uneven_text
from compound.orchestrator.scale.way_leads import (
    Entry,
    Estimated,
    ahead_from,
    better_ways,
    leads_of,
)
from compound.orchestrator.statistics.estimates import Estimates, estimate
from compound.orchestrator.statistics.lead import Spread, mean_ends
from compound.schemas.job import JobResult
from compound.schemas.outcomes.along import WayPoint, WaysCompared
from compound.schemas.plan import FamilyPlan, Member, Plan
from compound.schemas.study import StudySpec

MOST_UNEVEN = 0.005
"""Relative difference of cost from which on it is said that nothing corrects for it."""


def compared_ways(
    spec: StudySpec, plan: Plan, family: FamilyPlan, results: Mapping[str, JobResult]
) -> WaysCompared | None:
    """Compare the ways of a family; None where it has no way but the choice's.

    `plan`: the search's, with its rounds; `results`: of all the study's jobs.
    """
    if len(spec.ways) < 2:
        return None
    classes, images = len(plan.data.classes), plan.data.validation
    entries = [_entry(member, results, classes) for member in family.members]
    start = _entry(family.baseline, results, classes).scored if family.baseline else None
    entries = _at_choices_cost(entries, start)
    searched = {job.request.job.id for job in plan.jobs}
    picked = {
        member.phi: len(plan.candidates)
        for member in family.line
        if any(job.request.job.id in searched for job in member.jobs)
    }
    estimates = estimates_of(entries, images)
    leads = leads_of(entries, estimates, spec.search.level, picked)
    compared = WaysCompared(
        level=spec.search.level,
        points=tuple(
            _point(member, entry, estimates.get(entry.key), spec.search.level)
            for member, entry in zip(family.members, entries, strict=True)
        ),
        leads=leads,
        first=ahead_from(entries, leads),
        better=better_ways(entries, leads),
        baseline=start.values if start else (),
        left_out=family.left_out,
        warnings=tuple(_warnings(entries, start)),
        sentence="",
    )
    return compared.model_copy(update={"sentence": tell(compared)})


def _warnings(entries: Sequence[Entry], baseline: CandidateScores | None) -> Iterator[str]:
    for entry in entries:
        if entry.scored.collapsed:
            yield collapsed_text(entry.along, entry.phi, entry.scored.collapsed)
    costs = {entry.phi: entry.ratio for entry in entries if entry.along == "choice"}
    started = baseline is not None and baseline.scores
    uneven = [e for e in entries if e.scored.scores and not (started and e.phi > 0)]
    gap = max((abs(entry.ratio / costs[entry.phi] - 1) for entry in uneven), default=0.0)
    if gap > MOST_UNEVEN:
        yield uneven_text(gap)


def _entry(member: Member, results: Mapping[str, JobResult], classes: int) -> Entry:
    jobs = [(planned.request.job.id, planned.request.job.seed) for planned in member.jobs]
    scored = candidate_scores(member.network, {member.network.id: jobs}, results, classes)
    return Entry(member.along, member.phi, scored, jobs[0][0])


def _at_choices_cost(entries: Sequence[Entry], baseline: CandidateScores | None) -> list[Entry]:
    """Move every way to the cost of the choice at its phi; without the baseline nothing moves."""
    if baseline is None:
        return list(entries)
    costs = {entry.phi: entry.ratio for entry in entries if entry.along == "choice"}
    moved = [at_equal_cost([entry.scored], baseline, costs[entry.phi])[0] for entry in entries]
    return [replace(entry, scored=scored) for entry, scored in zip(entries, moved, strict=True)]


def estimates_of(entries: Sequence[Entry], images: int) -> dict[str, Estimated]:
    """Return what the scores of each network show; empty where no network has two.

    Only networks of one phi lend each other their noise: how it changes with the size of networks
    is another trend than how it changes with their accuracy.
    """
    estimated: dict[str, Estimated] = {}
    for phi in {entry.phi for entry in entries}:
        alike = [entry for entry in entries if entry.phi == phi and entry.scored.scores]
        estimated |= _estimated({entry.key: entry.scored for entry in alike}, images)
    return estimated


def _estimated(scored: Mapping[str, CandidateScores], images: int) -> dict[str, Estimated]:
    table = score_table([*scored.values()], images)
    estimates = estimate(table, images, few=True) if scored else None
    if estimates is None:
        return {}
    shared = estimates.seed_variance
    return {key: (_spread(estimates, i), shared) for i, key in enumerate(scored)}


def _spread(estimates: Estimates, position: int) -> Spread:
    mean, df = float(estimates.means[position]), float(estimates.df[position])
    return Spread(mean, float(estimates.mean_variances[position]), df)


def _point(member: Member, entry: Entry, spread: Estimated | None, level: float) -> WayPoint:
    scored, network = entry.scored, member.network
    mean = scored.mean if scored.scores else None
    ends = mean_ends(*spread, mean, level) if spread and mean is not None else (None, None)
    return WayPoint(
        along=member.along,
        phi=member.phi,
        network=network.id,
        coefficients=network.coefficients,
        ratio=network.ratio,
        cost=network.cost,
        resolution=network.architecture.resolution,
        planned=len(member.jobs),
        scores=scored.values,
        collapsed=tuple(scored.collapsed.items()),
        mean=mean,
        low=ends[0],
        high=ends[1],
    )
