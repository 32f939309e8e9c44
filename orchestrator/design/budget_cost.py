"""What a budget binds: one number for a realised network, in the unit that a spec names."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypedDict, assert_never

from compound.jobs.device_model import guess, peak_bytes, step_seconds
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.workload import workload
from compound.jobs.parallel.strategy_table import STRATEGIES
from compound.schemas.architecture import Network
from compound.schemas.design import COST_NAMES, Budget, CostUnit
from compound.schemas.errors import PlanError
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.parallel import Parallel
from compound.schemas.recipe import Recipe
from compound.schemas.study import AnySpec

Measure = Callable[[Network], float]
"""Cost of one network. Only ratios to the baseline's are used, so its unit does not matter."""


def measure_of(spec: AnySpec, profile: DeviceProfile | None = None) -> Measure:
    """Return what the budget binds, MACs without one; `profile` is of one search worker's device.

    Raises PlanError for a budget on step time without a probe's profile.
    """
    unit: CostUnit = spec.search.budget.cost if spec.search else "macs"
    match unit:
        case "memory":
            return partial(_memory, profile or _guess(spec), spec)
        case "step_time":
            return partial(_step_time, _probed(profile), spec)
        case "macs" | "params" | "activations":
            return counted(unit)
        case _:
            assert_never(unit)


def counted(unit: CostUnit) -> Measure:
    """Measure networks by one of their exact counts."""
    return partial(_count, unit)


def _count(unit: CostUnit, network: Network) -> float:
    return float(getattr(count(network), unit))


def _memory(profile: DeviceProfile, spec: AnySpec, network: Network) -> float:
    """Return the peak bytes of one search worker; a guessed profile will do, counts are exact."""
    state = training_state(spec.first_recipe, spec.first_resources.most_workers)
    return float(peak_bytes(profile, workload(network), _images(spec), **state))


class TrainingState(TypedDict):
    """What a worker keeps beside weights and gradients; jobs/device_model.py explains."""

    averaged: bool
    slots: int
    shared: bool
    divided: int


def training_state(recipe: Recipe, workers: int, parallel: Parallel = "none") -> TrainingState:
    """Return what each of so many workers keeps with a recipe and a parallel strategy."""
    slots, divided = 1 if recipe.optimizer == "sgd" else 2, STRATEGIES[parallel].parts(workers)
    return TrainingState(averaged=recipe.ema > 0, slots=slots, shared=workers > 1, divided=divided)


def _step_time(profile: DeviceProfile, spec: AnySpec, network: Network) -> float:
    """Return the seconds of one micro-batch of a search worker."""
    return step_seconds(profile, workload(network), _images(spec))


def _images(spec: AnySpec) -> int:
    """Return the images of one search worker's micro-batch."""
    recipe = spec.first_recipe
    return math.ceil(recipe.batch / (recipe.accumulate * spec.first_resources.most_workers))


def _guess(spec: AnySpec) -> DeviceProfile:
    resources = spec.first_resources
    return guess("cpu" if resources.gpus in (0, "auto") else "cuda", resources.cpus)


def _probed(profile: DeviceProfile | None) -> DeviceProfile:
    if profile is None or profile.source == "guess":
        raise PlanError(
            "a budget on step time needs measured speeds: estimates may be wrong by a factor of "
            "several",
            where="search.budget.cost",
            allowed="macs, params, activations or memory without a probe",
            next_step="compound plan SPEC --probe",
        )
    return profile


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
