"""The baseline of a study: its network with the classes and channels of the data."""

from typing import assert_never

from compound.jobs.models.scaled import Networks
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.named import NETWORKS
from compound.orchestrator.design.limits import require_resolution
from compound.schemas.architecture import Architecture, Candidate, Coefficients, Network
from compound.schemas.baseline import CustomBaseline, FactoryBaseline, NamedBaseline
from compound.schemas.data import DataInfo
from compound.schemas.study import AnySpec

DATA_ONLY = Networks()
"""Networks of which none is code."""


def baseline_of(spec: AnySpec, info: DataInfo, networks: Networks = DATA_ONLY) -> Network:
    """Return the baseline with the data's classes and channels.

    Raises PlanError: its resolution is below its total stride or above the maximum. FactoryError:
    the user's factory fails.
    """
    stated, update = spec.baseline, _fitted(info)
    match stated:
        case FactoryBaseline(factory=factory, resolution=pixels):
            own = networks.own(factory, pixels, len(info.classes), info.in_channels)
            if any(resources.most_workers > 1 for resources in spec.phases.values()):
                networks.check_shared_training(own)
            return own
        case NamedBaseline():
            network = NETWORKS[stated.name]
            pixels = stated.resolution or network.resolution
            shape = {"resolution": pixels, "padding": stated.padding}
            network = network.model_copy(update={**update, **shape})
        case CustomBaseline():
            network = Architecture.model_validate({**stated.model_dump(), **update})
        case _:
            assert_never(stated)
    require_resolution(network, spec.rounding)
    return network


def _fitted(info: DataInfo) -> dict[str, int]:
    return {"num_classes": len(info.classes), "in_channels": info.in_channels}


def baseline_candidate(network: Network) -> Candidate:
    return Candidate(
        architecture=network,
        cost=count(network),
        ratio=1.0,
        roles=("baseline",),
        coefficients=Coefficients(),
    )
