"""The ladder of first baselines: buildable, each rung dearer, none beyond the images' pixels."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.networks.exact_cost import count
from compound.orchestrator.first_spec.first_network import RESOLUTIONS, FirstNetwork, ladder
from compound.schemas.architecture import Architecture


def macs(network: FirstNetwork) -> int:
    stated = network.baseline().model_dump()
    return count(Architecture.model_validate({**stated, "num_classes": 10})).macs


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_a_baseline_ends_in_a_small_whole_map(resolution: int) -> None:
    network = FirstNetwork(resolution)
    assert resolution % network.total_stride == 0
    assert 4 <= resolution // network.total_stride <= 7
    strides = [network.stem_stride, *(stage.stride for stage in network.stages)]
    assert network.total_stride == 2 ** sum(stride == 2 for stride in strides)
    channels = [stage.channels for stage in network.stages]
    assert channels == sorted(channels) and all(c % network.rounding == 0 for c in channels)


def test_each_rung_costs_more_than_the_one_before() -> None:
    costs = [macs(FirstNetwork(side)) for side in RESOLUTIONS]
    ratios = [later / sooner for sooner, later in itertools.pairwise(costs)]
    assert all(1.1 < ratio < 7 for ratio in ratios), ratios


@given(stored=st.integers(1, 4000))
def test_no_baseline_makes_pixels_up(stored: int) -> None:
    rungs = ladder(stored)
    assert rungs and [r.resolution for r in rungs] == sorted({r.resolution for r in rungs})
    assert all(rung.resolution * 1.4 <= stored for rung in rungs[1:])
