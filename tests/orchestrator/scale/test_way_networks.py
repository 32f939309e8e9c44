"""Networks of a wanted cost along each way of scaling."""

import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.models.scaled import Networks
from compound.jobs.networks.named import NETWORKS
from compound.orchestrator.design.budget_cost import counted
from compound.orchestrator.design.controls import PUBLISHED
from compound.orchestrator.design.network_space import Space
from compound.orchestrator.scale.way_networks import WayNetworks, scales_along
from compound.schemas.architecture import AXES, Candidate, Coefficients, Rounding, Way
from compound.schemas.design import Budget, CostUnit

FINE = Rounding(channels=1, depth="round")
KEPT: dict[Way, tuple[str, ...]] = {
    "depth": ("width",),
    "width": ("depth",),
    "resolution": ("depth", "width"),
}
"""What each axis leaves as it is in the baseline."""


@cache
def ways(name: str = "efficientnet-b0", cost: CostUnit = "macs", tolerance: float = 0.05):
    budget = Budget(cost=cost, tolerance=tolerance)
    return WayNetworks(Space(NETWORKS[name], budget, measure=counted(cost), networks=Networks()))


def sizes(network) -> dict[str, object]:
    return {
        "depth": [stage.repeats for stage in network.stages],
        "width": [stage.channels for stage in network.stages],
        "resolution": network.resolution,
    }


@given(st.sampled_from(AXES), st.floats(1.2, 30))
def test_an_axis_alone_scales_nothing_else_and_costs_what_is_wanted(way, ratio):
    network = ways().at(way, 2, ratio)
    if isinstance(network, str):
        assert f"the choice {ratio:.2f}x" in network
        return
    assert abs(network.ratio / ratio - 1) <= 0.05 + 1e-9
    assert network.roles == (way,)
    base, found = sizes(ways().space.baseline), sizes(network.architecture)
    assert all(found[kept] == base[kept] for kept in KEPT[way])
    assert found["resolution"] >= base["resolution"]


@given(st.floats(1.8, 30))
def test_the_published_split_keeps_the_proportions_of_its_triple(ratio):
    network = ways().at("published", 2, ratio)
    if isinstance(network, Candidate):
        triple = network.coefficients
        phi = math.log(triple.alpha) / math.log(1.2)
        assert triple.beta == pytest.approx(1.1**phi)
        assert triple.gamma == pytest.approx(1.15**phi, rel=0.11)


@pytest.mark.parametrize("ratio", [0.3, 0.55, 2.1, 9.3])
def test_nearly_every_cost_is_met_on_a_network_with_many_sizes(ratio):
    space = Space(NETWORKS["resnet-50"], Budget(), FINE, counted("macs"), Networks())
    networks = [WayNetworks(space).at(way, 2, ratio) for way in ("width", "published")]
    assert all(isinstance(network, Candidate) for network in networks)


def test_what_cannot_be_built_is_named_with_the_nearest_cost():
    assert ways(cost="params").at("resolution", 2, 4.0) == (
        "the nearest network costs 1.00x, and the choice 4.00x"
    )
    assert "the nearest network costs" in str(ways().at("depth", -2, 0.05))


def test_resolution_fills_up_what_layers_miss():
    narrow = ways(tolerance=0.01)
    networks = [narrow.at("depth", 2, 1.5 + 0.1 * step) for step in range(40)]
    filled = [n for n in networks if isinstance(n, Candidate) and n.coefficients.gamma > 1]
    assert filled
    assert all(n.shares is not None and n.shares.depth >= 0.5 for n in filled)


def test_phi_1_takes_the_control_of_the_search_where_its_cost_is_near():
    control = ways().at("depth", 2, 1.97)
    assert isinstance(control, Candidate)
    known = WayNetworks(ways().space, [control])
    assert known.at("depth", 1, 2.0) is control
    assert known.at("depth", 1, 3.2) is not control
    assert known.at("width", 1, 2.0) is not control


def test_powers_of_a_triple_are_on_its_way():
    assert scales_along(PUBLISHED, "published")
    assert scales_along(Coefficients(alpha=1.2**3, beta=1.1**3, gamma=1.15**3), "published")
    assert scales_along(Coefficients(beta=0.4), "width")
    assert not scales_along(Coefficients(beta=1.4, gamma=1.01), "width")
    assert not scales_along(Coefficients(), "depth")
