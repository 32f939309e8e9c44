"""What a plan warns of and refuses: collapsed points, odd resolutions, phi below zero."""

import pytest

from compound.orchestrator.scale.family import plan_family
from tests.support.digits_plans import refused, study


def warned(part: str, *overrides: str) -> str:
    """Return the one warning of a plan that holds a phrase."""
    (found,) = (warning for warning in study(*overrides)[1].warnings if part in warning)
    return found


def test_points_that_collapse_are_counted() -> None:
    assert warned("points").startswith("15 points of the design give only 8 different networks")


def test_odd_resolutions_are_one_warning_with_a_way_out() -> None:
    told = warned("total stride")
    assert told.startswith("7 resolutions are no multiple of the total stride 4 (10, 11, 13, 14")
    assert "rounding.resolution: 4" in told


def test_resolutions_that_the_stride_divides_are_not_warned_about() -> None:
    even = ("baseline.resolution=12", "rounding.resolution=4", "search.budget.tolerance=0.3")
    _, plan = study(*even)
    assert not [warning for warning in plan.warnings if "total stride" in warning]


def test_left_out_triples_of_the_user_are_named() -> None:
    triples = "{kind: explicit, triples: [{gamma: 1.41}, {alpha: 3}, {alpha: 1.9, gamma: 1.1}]}"
    _, plan = study(f"search.design={triples}")
    left_out = [warning for warning in plan.warnings if warning.startswith("left out")]
    assert len(left_out) == len(plan.dropped) == 2
    assert "alpha 3, beta 1, gamma 1 costs 2.844x" in left_out[0]


def test_a_negative_phi_scales_down() -> None:
    spec, plan = study("family.phi=[-1, 1, 2]")
    for candidate in plan.candidates:
        small, same, _ = plan_family(spec, plan.baseline, plan.data, candidate.coefficients).members
        network = small.network.architecture
        assert small.nominal < 1 < same.nominal
        assert small.network.ratio <= 1
        assert all(stage.repeats >= 1 and stage.channels >= 4 for stage in network.stages)
        assert network.total_stride <= network.resolution <= plan.baseline.architecture.resolution


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_phi_out_of_bounds_names_the_nearest_that_is_not(sign: int) -> None:
    error = refused(f"family.phi=[1, {20 * sign}]", "search.design.degree=1")
    assert error.where == f"--set family.phi=[1, {20 * sign}]"
    nearest = float(error.allowed.split()[1])
    assert 1 < abs(nearest) < 20
    study(f"family.phi=[1, {nearest}]", "search.design.degree=1")
    refused(f"family.phi=[1, {nearest + 0.05 * sign}]", "search.design.degree=1")


def test_multipliers_beyond_all_reason_are_refused() -> None:
    large = ("search.budget.multiple=16", "search.budget.cost=params", "search.design.degree=1")
    error = refused(*large, "family.phi=[1, 9]")
    assert "outside of 0.01 to 100" in error.message
    study(*large, f"family.phi=[1, {error.allowed.split()[1]}]")


def test_a_baseline_above_the_largest_resolution_is_refused() -> None:
    error = refused("rounding={max_resolution: 15, resolution: 8, channels: 4}")
    assert "the rounding allows 8 at most" in error.message
    assert error.where.startswith("--set rounding")
