"""The weights that a spec names, checked before anything starts and tied to every job."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from compound.jobs.models.weight_file import WeightFile, read
from compound.jobs.models.weights import check_weights, starting
from compound.schemas.architecture import Architecture, Candidate, Network
from compound.schemas.errors import ArchitectureError
from compound.schemas.factory import FactoryNetwork
from compound.schemas.plan import FamilyPlan, Member, PlannedJob
from compound.schemas.weights import Weights, WeightsRef


def with_weights(weights: Weights, baseline: Candidate, family: FamilyPlan) -> FamilyPlan:
    """Return the plan with each job starting from the weights.

    Raises ArchitectureError: the file is unreadable, holds code, or is of another network.
    """
    with _said_of_the_spec():
        file = read(weights.path)
    casts = Counter[str]()
    for member in family.members:
        casts |= _check(file, weights, member, baseline)
    members = tuple(_member(member, file, weights) for member in family.members)
    return family.model_copy(update={"members": members, "notes": tuple(_cast_notes(casts))})


def _cast_notes(casts: Mapping[str, int]) -> Iterator[str]:
    for kind, count in casts.items():
        yield f"cast to float32: {count:,} tensors of the weights, which are {kind} in the file"


def _check(file: WeightFile, weights: Weights, member: Member, baseline: Candidate) -> Counter[str]:
    """Return how many tensors are cast, by their type."""
    network = member.network
    keep = weights.classifier == "keep"
    with _said_of_the_spec(_scaled_hint(member) if network.id != baseline.id else ""):
        return check_weights(file, _of_ours(network.architecture), classifier=keep)


def _of_ours(network: Network) -> Architecture:
    """Refuse weights for a factory's network, which can load its own."""
    if isinstance(network, FactoryNetwork):
        raise ArchitectureError(
            "`weights` are for named networks: the factory of your own network sets its weights",
            where=network.factory,
            next_step="load the weights in the factory, and leave `weights` out",
        )
    return network


def _scaled_hint(member: Member) -> str:
    """Say that the network may be another than the one whose weights these are."""
    return (
        "weights fit only the network that they were trained in, and coefficients with phi "
        f"{member.phi:g} make another one; leave both out to train the baseline itself"
    )


@contextmanager
def _said_of_the_spec(next_step: str = "") -> Iterator[None]:
    """Let an error about the file name the key of the spec that names the file."""
    try:
        yield
    except ArchitectureError as error:
        raise ArchitectureError(
            f"{error.where}: {error.message}",
            where="weights.path",
            allowed=error.allowed,
            next_step=error.next_step or next_step,
        ) from None


def _member(member: Member, file: WeightFile, weights: Weights) -> Member:
    """Start a member's jobs from the weights, with the epsilon that these were trained with."""
    architecture = starting(file, _of_ours(member.network.architecture), weights.norm_epsilon)
    network = member.network.model_copy(update={"architecture": architecture})
    reference = WeightsRef(spec=weights, sha256=file.sha256)
    jobs = tuple(_job(job, network, reference) for job in member.jobs)
    return member.model_copy(update={"network": network, "jobs": jobs})


def _job(planned: PlannedJob, network: Candidate, weights: WeightsRef) -> PlannedJob:
    start = {"architecture": network.architecture, "weights": weights}
    job = planned.request.job.model_copy(update=start)
    request = planned.request.model_copy(update={"job": job})
    return planned.model_copy(update={"candidate": network.id, "request": request})
