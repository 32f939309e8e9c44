"""The search's candidates: realised, of equal cost, each network once."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_jobs_scaling import ARCHITECTURES

from jobs.models.efficientnet import B0
from jobs.scaling import scale
from orchestrator.design import Designed, design
from orchestrator.points import points
from orchestrator.space import Space
from schemas.architecture import AXES, Architecture, Rounding, Stage, Stem
from schemas.design import Budget, GridDesign, LatticeDesign
from schemas.errors import PlanError

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


@pytest.mark.parametrize("plan", [LATTICE, GRID], ids=["lattice", "grid"])
def test_every_candidate_costs_the_budget(plan: LatticeDesign | GridDesign) -> None:
    space = small_space()
    assert_holds(space, design(space, plan))


@settings(max_examples=40, deadline=None)
@given(ARCHITECTURES, st.floats(1.5, 3), st.sampled_from([4, 8]))
def test_any_baseline_is_searched_or_refused_with_a_way_out(
    base: Architecture, multiple: float, divisor: int
) -> None:
    space = Space(base, Budget(multiple=multiple, tolerance=0.05), Rounding(channels=divisor))
    try:
        designed = design(space, LATTICE)
    except PlanError as error:
        assert "tolerance" in error.allowed
        return
    assert_holds(space, designed)


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
