"""Controls: what their warnings claim is true, and a name means one network."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compound.jobs.models.scaled import Networks
from compound.orchestrator.design.budget_cost import counted
from compound.orchestrator.design.candidates import design
from compound.orchestrator.design.controls import NAMED, TWIN, distance
from compound.orchestrator.design.network_space import Space
from compound.orchestrator.scale.way_networks import WayNetworks
from compound.schemas.architecture import Architecture, Candidate, Rounding
from compound.schemas.design import Budget, LatticeDesign
from compound.schemas.errors import PlanError
from tests.support.report_pages import BASELINE

CLOSER = "comes clearly closer"
TRIED = 40
"""Multipliers of depth and of width that are built beside the search's own."""


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    stage = st.fixed_dictionaries(
        {
            "kernel": st.just(3),
            "stride": st.sampled_from([1, 2]),
            "expand": st.sampled_from([1, 4]),
            "repeats": st.integers(1, 3),
            "channels": st.sampled_from([8, 12, 16, 24]),
        }
    )
    text = {
        **BASELINE,
        "resolution": draw(st.sampled_from([16, 24, 32])),
        "stages": draw(st.lists(stage, min_size=1, max_size=3)),
    }
    baseline = Architecture.model_validate({"num_classes": 10, "in_channels": 3, **text})
    cost = draw(st.sampled_from(["macs", "params", "activations"]))
    multiple = draw(st.floats(1.4, 4.0))
    budget = Budget(cost=cost, multiple=multiple, tolerance=draw(st.sampled_from([0.05, 0.1])))
    rounding = Rounding(channels=draw(st.sampled_from([1, 4, 8])))
    return Space(baseline, budget, rounding, counted(cost), Networks())


def designed(space: Space) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    try:
        made = design(space, LatticeDesign(kind="lattice", degree=3))
    except PlanError:
        assume(False)
    return made.candidates, made.warnings


def tried_gap(space: Space, name: str) -> float:
    """Return how near any depth and width come to a named split, at the budget's resolution."""
    counts = Space(space.baseline, Budget(), space.rounding, counted("macs"), Networks())
    values = np.geomspace(1, 1.05 * space.budget.multiple, TRIED)
    shapes = {space.shape(a, b) for a in values for b in values}
    fitted = [space.fit(shape) for shape in shapes]
    admitted = [network for network in fitted if space.admits(space.ratio(network))]
    return min((distance(NAMED[name], counts.shares(network)) for network in admitted), default=9.0)


@settings(max_examples=20, deadline=None)
@given(space=spaces())
def test_no_other_network_of_the_cost_comes_clearly_closer(space: Space) -> None:
    candidates, warnings = designed(space)
    counts = Space(space.baseline, Budget(), space.rounding, counted("macs"), Networks())
    for name in NAMED:
        if any(text.startswith(f"the {name} control") and CLOSER in text for text in warnings):
            (control,) = [c for c in candidates if name in c.roles]
            gap = distance(NAMED[name], counts.shares(control.architecture))
            assert tried_gap(space, name) >= gap - TWIN - 1e-9


@settings(max_examples=20, deadline=None)
@given(space=spaces(), near=st.floats(0.9, 1.1))
def test_a_control_is_the_familys_network_of_its_name(space: Space, near: float) -> None:
    candidates, _ = designed(space)
    ratio = near * space.budget.multiple
    ways = WayNetworks(space, candidates)
    for way in ("depth", "width", "resolution", "published"):
        named = [c for c in candidates if way in c.roles]
        network = ways.at(way, 1, ratio)
        if named and abs(named[0].ratio / ratio - 1) <= space.budget.tolerance:
            assert network is named[0]
        elif named and isinstance(network, Candidate):
            assert abs(network.ratio / ratio - 1) <= space.budget.tolerance + 1e-9
