"""The search's candidates: realised, of equal cost, each network once."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.networks.efficientnet import B0
from compound.jobs.networks.scaling import scale
from compound.orchestrator.design.budget_cost import Measure, counted
from compound.orchestrator.design.candidates import Designed, design
from compound.orchestrator.design.controls import DWR, PUBLISHED
from compound.orchestrator.design.network_space import Space
from compound.orchestrator.design.points import nominal_shares, points, split
from compound.schemas.architecture import (
    AXES,
    CONTROLS,
    Architecture,
    Candidate,
    Coefficients,
    Rounding,
)
from compound.schemas.design import (
    Budget,
    CostUnit,
    Design,
    ExplicitDesign,
    GridDesign,
    LatticeDesign,
    StarDesign,
)
from compound.schemas.errors import PlanError
from compound.schemas.stages import Stage, Stem
from tests.support.random_architectures import ARCHITECTURES

SMALL = Architecture(
    resolution=14,
    in_channels=1,
    num_classes=10,
    stem=Stem(channels=8, stride=1),
    stages=(
        Stage(channels=8, expand=1),
        Stage(channels=12, expand=4, stride=2, repeats=2),
        Stage(channels=20, expand=4, stride=2, repeats=2),
    ),
    head=64,
)
LATTICE = LatticeDesign(kind="lattice", degree=4)
GRID = GridDesign(kind="grid")
STAR = StarDesign(kind="star", levels=2)
NAIVE = GridDesign(kind="grid", fit_resolution=False)


def small_space(tolerance: float = 0.1) -> Space:
    return Space(SMALL, Budget(tolerance=tolerance), Rounding(channels=4))


def test_the_paper_s_grid_has_108_points_that_are_65_networks() -> None:
    triples = points(GRID, 2.0)
    assert len(triples) == 108
    assert len({scale(B0, triple).id for triple in triples}) == 65


def test_the_fine_grid_has_5160_points_that_are_1158_networks() -> None:
    triples = points(GridDesign(kind="grid", step=0.01, tolerance=0.05), 2.0)
    assert len(triples) == 5160
    assert len({scale(B0, triple).id for triple in triples}) == 1158


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_a_lattice_spends_its_multiple_exactly(degree: int) -> None:
    triples = points(LatticeDesign(kind="lattice", degree=degree), 3.0)
    assert len(triples) == (degree + 1) * (degree + 2) // 2
    assert all(triple.nominal == pytest.approx(3.0) for triple in triples)


@pytest.mark.parametrize("levels", [1, 3])
def test_a_star_moves_one_share_and_halves_the_rest(levels: int) -> None:
    triples = points(StarDesign(kind="star", levels=levels), 2.0)
    shares = [nominal_shares(triple).split for triple in triples]
    assert len({tuple(round(x, 9) for x in one) for one in shares}) == 6 * levels + 1
    assert all(triple.nominal == pytest.approx(2) for triple in triples)
    for axis in range(3):
        others = [place for place in range(3) if place != axis]
        ray = [s for s in shares if s[others[0]] == pytest.approx(s[others[1]], abs=1e-9)]
        assert len(ray) == 2 * levels + 1
        assert min(s[axis] for s in ray) == pytest.approx(0, abs=1e-9)
        assert max(s[axis] for s in ray) == pytest.approx(1)


def assert_holds(space: Space, designed: Designed) -> None:
    """What every design promises, whatever the baseline."""
    networks = [candidate.architecture for candidate in designed.candidates]
    assert len({network.id for network in networks}) == len(networks)
    for candidate in designed.candidates:
        assert space.admits(candidate.ratio)
        assert candidate.ratio == pytest.approx(space.ratio(candidate.architecture))
        assert candidate.architecture.resolution >= space.baseline.resolution
        rebuilt = scale(space.baseline, candidate.coefficients, 1.0, space.rounding)
        assert rebuilt == candidate.architecture
        assert candidate.shares is not None
        assert math.fsum(candidate.shares.split) == pytest.approx(1)
    placed = sum("design" in c.roles for c in designed.candidates)
    triples = sum(len(c.triples) for c in designed.candidates if "design" in c.roles)
    assert placed <= triples == designed.points - len(designed.dropped)


@pytest.mark.parametrize("plan", [LATTICE, GRID, STAR], ids=["lattice", "grid", "star"])
def test_every_candidate_costs_the_budget(plan: Design) -> None:
    space = small_space()
    assert_holds(space, design(space, plan))


def assert_rounded(space: Space, candidate: Candidate) -> None:
    """Scaled resolutions, channels and repeats follow the rounding."""
    network, base, rounding = candidate.architecture, space.baseline, space.rounding
    if network.resolution != base.resolution:
        assert network.resolution % rounding.resolution == 0
        assert network.resolution <= (rounding.max_resolution or network.resolution)
    for stage, before in zip(network.stages, base.stages, strict=True):
        assert stage.repeats >= before.repeats
        assert stage.channels == before.channels or stage.channels % rounding.channels == 0


def memory(network: Architecture) -> float:
    """Stand in for a worker's peak: state and outputs over what it holds anyway."""
    cost = counted("activations")(network), counted("params")(network)
    return 5_000 + 48 * cost[0] + 20 * cost[1]


def seconds(network: Architecture) -> float:
    """Stand in for a step's time: launching blocks, activations and arithmetic."""
    return (
        network.depth * 1e-4
        + 1e-8 * counted("activations")(network)
        + 1e-10 * counted("macs")(network)
    )


UNITS: dict[CostUnit, Measure | None] = {
    "macs": None,
    "params": None,
    "activations": None,
    "memory": memory,
    "step_time": seconds,
}
ROUNDINGS = st.builds(
    Rounding,
    depth=st.sampled_from(["ceil", "round"]),
    channels=st.sampled_from([1, 4, 8]),
    resolution=st.sampled_from([1, 4, 8]),
    max_resolution=st.none() | st.integers(72, 200),
)


@settings(max_examples=20, deadline=None)
@given(
    ARCHITECTURES,
    st.sampled_from(sorted(UNITS)),
    st.floats(1.3, 4),
    ROUNDINGS,
    st.sampled_from([LATTICE, STAR, GRID, NAIVE]),
)
def test_any_baseline_is_searched_or_refused_with_a_way_out(
    base: Architecture, unit: CostUnit, multiple: float, rounding: Rounding, plan: Design
) -> None:
    budget = Budget(cost=unit, multiple=multiple, tolerance=0.05)
    space = Space(base, budget, rounding, measure=UNITS[unit])
    try:
        designed = design(space, plan)
    except PlanError as error:
        if error.where == "search.design":
            return
        key, value = error.allowed.split()[:2]
        if key == "a":
            assert not any(option.ratio > 1 for option in space.options)
            return
        wider = budget.model_copy(update={key.strip(":"): float(value)})
        assert key == "multiple:" or wider.tolerance > budget.tolerance
        space = Space(base, wider, rounding, measure=UNITS[unit])
        designed = design(space, plan)
    assert_holds(space, designed)
    for candidate in designed.candidates:
        assert_rounded(space, candidate)


def test_the_controls_scale_one_axis_each() -> None:
    designed = design(small_space(), LATTICE)
    for position, axis in enumerate(AXES):
        (control,) = (c for c in designed.candidates if axis in c.roles)
        assert control.shares is not None
        assert control.shares.split[position] > 0.999
    assert not any(axis in warning.split()[1] for warning in designed.warnings for axis in AXES)


def test_an_axis_that_need_not_be_scaled_is_not() -> None:
    designed = design(small_space(), LATTICE)
    depth = next(c for c in designed.candidates if "depth" in c.roles)
    assert (depth.coefficients.beta, depth.coefficients.gamma) == (1, 1)


def test_points_outside_the_budget_are_dropped_with_what_they_would_cost() -> None:
    space = Space(B0, Budget())
    designed = design(space, GRID)
    placed = [c for c in designed.candidates if "design" in c.roles]
    assert len(designed.dropped) + sum(len(c.triples) for c in placed) == 108
    assert not any(space.admits(dropped.ratio or 0) for dropped in designed.dropped)


def test_a_budget_that_no_network_meets_names_the_nearest() -> None:
    with pytest.raises(PlanError, match="no network costs 2x") as caught:
        design(small_space(tolerance=1e-6), LATTICE)
    assert "tolerance" in caught.value.allowed
    tolerance = float(caught.value.allowed.split()[1])
    assert design(small_space(tolerance), LATTICE).candidates


def test_an_empty_grid_is_refused() -> None:
    plan = GridDesign(kind="grid", alpha=(1.0, 1.0), beta=(1.0, 1.0), gamma=(1.0, 1.0))
    with pytest.raises(PlanError, match="no point"):
        design(small_space(), plan)


def test_params_as_the_budget_leave_resolution_alone() -> None:
    space = Space(SMALL, Budget(cost="params", tolerance=0.1), Rounding(channels=4))
    designed = design(space, LATTICE)
    assert {c.architecture.resolution for c in designed.candidates} == {14}
    assert any("resolution" in warning for warning in designed.warnings)


def own(*triples: Coefficients, fit: bool = False) -> ExplicitDesign:
    return ExplicitDesign(kind="explicit", triples=triples, fit_resolution=fit)


def test_explicit_triples_are_taken_exactly_as_they_stand() -> None:
    wanted = Coefficients(alpha=1.4, gamma=1.22)
    space = small_space(tolerance=0.2)
    designed = design(space, own(wanted), controls=())
    (candidate,) = designed.candidates
    assert candidate.coefficients == wanted
    assert candidate.roles == ("design",)
    assert candidate.architecture == scale(SMALL, wanted, 1.0, space.rounding)


def test_an_explicit_triple_outside_the_budget_is_left_out_with_what_would_fit() -> None:
    space, kept, dear = small_space(), Coefficients(gamma=1.4), Coefficients(alpha=1.4, gamma=1.5)
    designed = design(space, own(kept, dear))
    (dropped,) = designed.dropped
    assert dropped.coefficients == dear
    assert dropped.ratio == pytest.approx(space.exact(dear).ratio)
    fitted = space.option(dear)
    assert f"{fitted.network.resolution} pixels and {fitted.ratio:.3f}x" in dropped.reason
    again = design(space, own(kept, dear, fit=True))
    assert not again.dropped
    assert fitted.network in [candidate.architecture for candidate in again.candidates]


def test_explicit_triples_that_all_miss_the_budget_name_the_tolerance_that_helps() -> None:
    far = own(Coefficients(alpha=4), Coefficients(beta=3))
    with pytest.raises(PlanError, match="no point of the design costs 2x") as caught:
        design(small_space(), far)
    tolerance = float(caught.value.allowed.split()[1])
    assert design(small_space(tolerance), far).candidates


def test_a_grid_as_it_stands_is_the_paper_s_procedure_without_its_repeats() -> None:
    space = Space(B0, Budget(tolerance=1), Rounding())
    designed = design(space, NAIVE, controls=())
    assert len(designed.candidates) == 65
    assert not designed.dropped
    assert sum(len(c.triples) for c in designed.candidates) == 108
    for candidate in designed.candidates:
        assert all(scale(B0, t).id == candidate.id for t in candidate.triples)


def test_the_baseline_itself_is_no_candidate() -> None:
    space = Space(SMALL, Budget(tolerance=1), Rounding(channels=4, max_resolution=14))
    assert SMALL not in [option.network for option in space.admitted]
    assert not space.admits(space.exact(Coefficients()).ratio)


def test_named_splits_are_what_their_papers_say() -> None:
    assert nominal_shares(PUBLISHED).split == pytest.approx((0.279, 0.292, 0.428), abs=5e-4)
    doubled = split(DWR, 2.0)
    assert doubled.alpha == pytest.approx(2**0.1)
    assert doubled.beta**2 == pytest.approx(2**0.8)
    assert doubled.gamma**2 == pytest.approx(2**0.1)


@pytest.mark.parametrize("unit", ["macs", "activations"])
def test_named_controls_cost_nothing_where_the_design_is_near(unit: CostUnit) -> None:
    space = Space(SMALL, Budget(cost=unit, tolerance=0.1), Rounding(channels=4))
    alone, held = design(space, LATTICE, AXES), design(space, LATTICE)
    roles = [role for candidate in held.candidates for role in candidate.roles]
    assert all(roles.count(name) == 1 for name in CONTROLS)
    assert len(held.candidates) <= len(alone.candidates) + 1


def test_controls_that_are_left_out_are_not_trained() -> None:
    designed = design(small_space(), LATTICE, ("width",))
    assert {role for c in designed.candidates for role in c.roles} == {"design", "width"}
