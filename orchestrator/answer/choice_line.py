"""The networks on the choice's line: the baseline, the choice, and the family between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compound.schemas.architecture import Candidate, Coefficients
from compound.schemas.outcomes.along import WaysCompared
from compound.schemas.plan import FamilyPlan, Member, Plan, PlannedJob
from compound.schemas.power_law import Law
from compound.schemas.verdict import Standing, Verdict

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents


@dataclass(frozen=True)
class LineNetwork:
    """A network of the line, and the jobs that trained it, a seed each."""

    phi: float
    network: Candidate
    jobs: tuple[PlannedJob, ...]
    standing: Standing | None = None
    """Of the search, where the search's jobs are among these."""
    scores: tuple[float, ...] | None = None
    """Without those of collapsed runs, where the ways of scaling were compared."""


def coefficients_of(stored: "Documents") -> Coefficients | None:
    """Return what the line is scaled by: the search's choice, or what a spec of one network says.

    None where the search has chosen none.
    """
    if stored.verdict:
        return stored.verdict.coefficients
    return stored.family.coefficients if stored.family else None


def family_of(stored: "Documents") -> FamilyPlan | None:
    """Return the family; None where it is of an earlier choice, and will be planned anew."""
    verdict, family = stored.verdict, stored.family
    moved = verdict and family and verdict.coefficients != family.coefficients
    return None if moved else family


def along_of(stored: "Documents") -> WaysCompared | None:
    """Return the ways of scaling compared; None where that is of an earlier choice."""
    return stored.along if family_of(stored) else None


def law_of_line(stored: "Documents") -> Law | None:
    """Return the power law; None where it is of an earlier choice."""
    return stored.law if family_of(stored) else None


def choice_line(stored: "Documents") -> list[LineNetwork]:
    """Return the planned networks of the line, by cost; one that several phi share is there once.

    Phi 1 has the jobs of the search too where these are by the family's recipe.
    """
    networks = {entry.network.id: entry for entry in reversed(list(_networks(stored)))}
    return sorted(networks.values(), key=lambda entry: (entry.network.ratio, entry.phi))


def _networks(stored: "Documents") -> Iterator[LineNetwork]:
    family = family_of(stored)
    members = family.line if family else ()
    trained = {member.network.id for member in members}
    if stored.trained and stored.trained.baseline.id not in trained:
        yield LineNetwork(0.0, stored.trained.baseline, ())
    for searched in _searched(stored.search, stored.verdict) if stored.search else ():
        if _takes_part(searched, members):
            yield searched
    for member in members:
        yield trained_member(member, stored)


def trained_member(member: Member, stored: "Documents") -> LineNetwork:
    """Return a member of the family with its jobs, and its scores where ways were compared."""
    points = stored.along.points if stored.along else ()
    same = (p.scores for p in points if (p.along, p.network) == (member.along, member.network.id))
    return LineNetwork(member.phi, member.network, member.jobs, scores=next(same, None) or None)


def _takes_part(searched: LineNetwork, members: tuple[Member, ...]) -> bool:
    """Whether the family has not trained this network anew, by its own recipe or more seeds."""
    by_search = {job.request.job.id for job in searched.jobs}
    same = [member for member in members if member.network.id == searched.network.id]
    return all(job.request.job.id in by_search for member in same for job in member.jobs)


def _searched(search: Plan, verdict: Verdict | None) -> Iterator[LineNetwork]:
    """Yield the baseline and the choice, as the search has trained them."""
    baseline = search.baseline
    standing = verdict.baseline if verdict else None
    yield LineNetwork(0.0, baseline, _jobs(search, baseline), standing)
    chosen = verdict.chosen if verdict else None
    for network in search.candidates:
        if verdict and network.id == chosen:
            standing = next((s for s in verdict.standings if s.candidate == chosen), None)
            yield LineNetwork(1.0, network, _jobs(search, network), standing)


def _jobs(search: Plan, network: Candidate) -> tuple[PlannedJob, ...]:
    return tuple(j for j in search.jobs if j.phase == "search" and j.candidate == network.id)
