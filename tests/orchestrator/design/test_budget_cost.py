"""What a budget binds: counts, or a device's memory and time."""

import pytest

from compound.jobs.networks.efficientnet import B0
from compound.jobs.networks.exact_cost import count
from compound.orchestrator.design.budget_cost import counted
from compound.schemas.design import CostUnit
from tests.support.digits_plans import refused, study


@pytest.mark.parametrize("unit", ["macs", "params", "activations"])
def test_counts_are_exact(unit: CostUnit) -> None:
    assert counted(unit)(B0) == getattr(count(B0), unit)


def test_step_time_without_a_probe_is_refused() -> None:
    error = refused("search.budget.cost=step_time")
    setting = "search.budget.cost=step_time"
    assert error.next_step.endswith(f"digits.yaml --set {setting} --probe")
    assert error.where == f"--set {setting}"


@pytest.mark.parametrize("unit", ["macs", "params", "activations"])
def test_a_plan_holds_the_budget_in_its_unit(unit: CostUnit) -> None:
    _, plan = study(f"search.budget.cost={unit}", "search.budget.tolerance=0.1")
    base = getattr(plan.baseline.cost, unit)
    for candidate in plan.candidates:
        assert candidate.ratio == pytest.approx(getattr(candidate.cost, unit) / base)
        assert 1.8 <= candidate.ratio <= 2.2
