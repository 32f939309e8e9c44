"""The refusal of a budget that admits no network, with what would admit the nearest."""

import math
from collections.abc import Iterable

from compound.schemas.design import COST_NAMES, Budget
from compound.schemas.errors import PlanError


def over_budget(budget: Budget, ratios: Iterable[float | None], subject: str) -> PlanError:
    """Return the refusal of a budget, with what would admit the nearest network."""
    dearer = [ratio for ratio in ratios if ratio is not None and ratio > 1]
    nearest = min(dearer, key=lambda r: abs(r - budget.multiple), default=None)
    return PlanError(
        f"{subject} {budget.multiple:g}x the baseline's {COST_NAMES[budget.cost]} "
        f"to within {budget.tolerance:.1%}",
        where="search.budget",
        allowed=_way_out(nearest, budget.multiple)
        if nearest
        else "a larger baseline, a larger multiple or a smaller rounding",
        next_step=f"compound plan SPEC --set search.budget.{_setting(nearest, budget.multiple)}"
        if nearest
        else "compound plan SPEC --set rounding.channels=1",
    )


def _setting(nearest: float, multiple: float) -> str:
    """Return the key of the budget, and its value, that admit the nearest network."""
    needed = math.ceil(abs(nearest / multiple - 1) * 1000) / 1000
    return f"tolerance={needed:g}" if needed <= 1 else f"multiple={nearest:.3f}"


def _way_out(nearest: float, multiple: float) -> str:
    key, _, value = _setting(nearest, multiple).partition("=")
    key = f"{key}: {value} {'admits' if key == 'tolerance' else 'meets'}"
    return (
        f"{key} the nearest network, which costs {nearest:.3f}x; "
        "a larger baseline or a smaller rounding gives more networks"
    )
