"""The networks of a study by their names: one name for each, and whatever else people call it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isclose

from compound.orchestrator.records.documents import Documents
from compound.orchestrator.wording.network_names import label_in, network_label, network_names
from compound.orchestrator.wording.numbers import closest
from compound.schemas.architecture import Candidate
from compound.schemas.errors import SpecError
from compound.schemas.plan import PlannedJob

_PHI = re.compile(r"(?:phi[ =-]?)?(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{1,16}")
_LISTED = 12
"""Names that an error lists; of more the number."""


@dataclass(frozen=True)
class StudyNetwork:
    """A network of a study, and the jobs that train it."""

    id: str
    """The hash of its architecture."""
    name: str
    jobs: tuple[PlannedJob, ...]
    """Of all phases, in the order in which they were planned."""
    phis: tuple[float, ...] = ()
    """Where it lies on the family's line of the choice; the baseline is phi 0."""

    @property
    def title(self) -> str:
        """Its name for people, with its place in the family: `phi 2, d1.00-w1.97-r8`."""
        return ", ".join([*(f"phi {phi:g}" for phi in self.phis), self.name])


@dataclass(frozen=True)
class Named:
    """What a word on the command line names: a network, or one job of it."""

    network: StudyNetwork
    job: PlannedJob | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others: several phases may share a job, under several labels."""
        return self.network.id, self.job.request.job.id if self.job else ""

    @property
    def title(self) -> str:
        """What it is, for a list of what could be meant."""
        return (
            f"job {self.job.request.job.id} ({self.job.request.label})"
            if self.job
            else (f"{self.network.title} ({self.network.id[:8]})")
        )


def names_of_plan(candidates: Iterable[Candidate]) -> dict[str, str]:
    """Return the names of planned networks, by the hashes of their architectures."""
    return network_names((candidate.id, network_label(candidate)) for candidate in candidates)


def names_of_study(stored: Documents) -> dict[str, str]:
    """Return the name of every network that a study trains, by the hash of its architecture."""
    return network_names((job.candidate, job.request.label) for job in stored.jobs_of_phases)


def study_networks(stored: Documents) -> list[StudyNetwork]:
    """Return the networks of a study, in the order in which they were planned."""
    jobs: dict[str, list[PlannedJob]] = {}
    for job in stored.jobs_of_phases:
        jobs.setdefault(job.candidate, []).append(job)
    planned = stored.plan or stored.trained
    phis: dict[str, list[float]] = {planned.baseline.id: [0.0]} if planned else {}
    for member in stored.family.line if stored.family else ():
        own = phis.setdefault(member.network.id, [])
        own += [member.phi] if member.phi not in own else []
    return [
        StudyNetwork(network, name, tuple(jobs[network]), tuple(phis.get(network, ())))
        for network, name in names_of_study(stored).items()
    ]


def named_network(networks: Sequence[StudyNetwork], word: str, study: str) -> Named:
    """Return what a word names: a label, `phi 2`, a hash or a job's id, or how these begin.

    SpecError: nothing, or several things, which it lists.
    """
    exact = list(_exact(networks, word.strip()))
    begins = list(_beginning(networks, word.strip())) if len(exact) != 1 else []
    meant = {meaning.key: meaning for meaning in reversed((*exact, *begins))}
    if len(meant) == 1:
        return next(iter(meant.values()))
    if meant:
        raise SpecError(
            f"'{word}' names {len(meant)} networks or jobs of study {study}",
            allowed=_listed([meaning.title for meaning in meant.values()][::-1]),
        )
    raise SpecError(
        f"study {study} has no network '{word}'{closest(word, [n.name for n in networks])}",
        allowed=_listed([network.title for network in networks]),
    )


def _exact(networks: Sequence[StudyNetwork], word: str) -> Iterator[Named]:
    phi = _PHI.fullmatch(word)
    for network in networks:
        labels = {network.name, *(label_in(job.request.label) for job in network.jobs)}
        at_phi = phi is not None and any(isclose(float(phi[1]), own) for own in network.phis)
        if word in (*labels, network.id) or at_phi:
            yield Named(network)
        for job in network.jobs:
            if word in (job.request.job.id, job.request.label) and word not in labels:
                yield Named(network, job)


def _beginning(networks: Sequence[StudyNetwork], word: str) -> Iterator[Named]:
    if not _HEX.fullmatch(word):
        return
    for network in networks:
        if network.id.startswith(word):
            yield Named(network)
        ids = {job.request.job.id: job for job in network.jobs}
        yield from (Named(network, job) for id, job in ids.items() if id.startswith(word))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return "; ".join(names[:_LISTED]) + (f"; and {more:,} more" if more > 0 else "")
