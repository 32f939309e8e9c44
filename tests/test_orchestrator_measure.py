"""What a budget binds: counts, or a device's memory and time."""

import pytest
from test_orchestrator_plan import refused, study

from jobs.complexity import count
from jobs.models.efficientnet import B0
from orchestrator.measure import counted
from schemas.design import CostUnit


@pytest.mark.parametrize("unit", ["macs", "params", "activations"])
def test_counts_are_exact(unit: CostUnit) -> None:
    assert counted(unit)(B0) == getattr(count(B0), unit)


def test_step_time_without_a_probe_is_refused() -> None:
    error = refused("search.budget.cost=step_time")
    assert error.next_step == "compound plan SPEC --probe"
    assert error.where == "--set search.budget.cost=step_time"


@pytest.mark.parametrize("unit", ["macs", "params", "activations"])
def test_a_plan_holds_the_budget_in_its_unit(unit: CostUnit) -> None:
    _, plan = study(f"search.budget.cost={unit}", "search.budget.tolerance=0.1")
    base = getattr(plan.baseline.cost, unit)
    for candidate in plan.candidates:
        assert candidate.ratio == pytest.approx(getattr(candidate.cost, unit) / base)
        assert 1.8 <= candidate.ratio <= 2.2
