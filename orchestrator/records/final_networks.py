"""The networks of a study that the test part is for, with their jobs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compound.orchestrator.wording.names import WAYS
from compound.orchestrator.wording.network_names import network_label
from compound.schemas.architecture import AXES, Candidate
from compound.schemas.final_evaluation import FinalRole
from compound.schemas.plan import Member, Plan, PlannedJob
from compound.schemas.verdict import Verdict

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents


@dataclass(frozen=True)
class FinalNetwork:
    """A network in its role, and the jobs that trained it, a seed each."""

    role: FinalRole
    network: Candidate
    name: str
    jobs: tuple[PlannedJob, ...]
    phi: float | None = None


def final_networks(stored: "Documents") -> list[FinalNetwork]:
    """Return the baseline, the best single axis, the choice, and the members of the family.

    A network may have several roles. Without a verdict there is only what the family has.
    """
    search, verdict = stored.search, stored.verdict
    searched = list(_searched(search, verdict)) if search and verdict else []
    members = stored.family.members if stored.family else ()
    return [*searched, *(_member(member) for member in members)]


def _member(member: Member) -> FinalNetwork:
    label = f"phi {member.phi:g}"
    if member.along == "choice":
        return FinalNetwork("family", member.network, label, member.jobs, member.phi)
    label += f", {WAYS[member.along]}"
    return FinalNetwork("compared", member.network, label, member.jobs, member.phi)


def _searched(search: Plan, verdict: Verdict) -> Iterator[FinalNetwork]:
    networks = {network.id: network for network in (search.baseline, *search.candidates)}
    roles: tuple[tuple[FinalRole, str | None], ...] = (
        ("baseline", search.baseline.id),
        ("best single axis", _best_axis(verdict)),
        ("choice", verdict.chosen),
    )
    for role, identity in roles:
        if identity in networks:
            network = networks[identity]
            yield FinalNetwork(
                role, network, network_label(network), _jobs(search.jobs, network.id)
            )


def _best_axis(verdict: Verdict) -> str | None:
    """Return the control that spends the budget on one axis with the highest mean."""
    if verdict.gain:
        return verdict.gain.candidate
    controls = [standing for standing in verdict.standings if set(standing.roles) & set(AXES)]
    return next((control.candidate for control in controls if control.mean is not None), None)


def _jobs(jobs: Sequence[PlannedJob], network: str) -> tuple[PlannedJob, ...]:
    """Return the jobs of a network's whole schedule, with seeds that later rounds added."""
    return tuple(job for job in jobs if job.phase == "search" and job.candidate == network)
