"""What a budget binds: one number for a realised network, in the unit that a spec names."""

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from jobs.complexity import count
from schemas.architecture import Architecture
from schemas.design import CostUnit
from schemas.device import DeviceProfile
from schemas.errors import PlanError
from schemas.recipe import Recipe
from schemas.study import StudySpec

Measure = Callable[[Architecture], float]
"""Cost of one network. Only ratios to the baseline's are used, so its unit does not matter."""


def measure_of(spec: StudySpec, profile: DeviceProfile | None = None) -> Measure:
    """Return what the budget of a study binds; `profile` is of one search worker's device.

    Raises PlanError for a budget on step time without a probe's profile.
    """
    unit = spec.search.budget.cost
    if unit == "memory":
        return partial(_memory, profile or _guess(spec), spec)
    if unit == "step_time":
        return partial(_step_time, _probed(profile), spec)
    return counted(unit)


def counted(unit: CostUnit) -> Measure:
    """Measure networks by one of their exact counts."""
    return partial(_count, unit)


def _count(unit: CostUnit, network: Architecture) -> float:
    return float(getattr(count(network), unit))


def _memory(profile: DeviceProfile, spec: StudySpec, network: Architecture) -> float:
    """Return the peak bytes of one search worker; a guessed profile will do, counts are exact."""
    images, averaged = _images(spec), spec.search.train.ema > 0
    return float(_device().peak_bytes(profile, _workload(network), images, averaged=averaged))


def _step_time(profile: DeviceProfile, spec: StudySpec, network: Architecture) -> float:
    """Return the seconds of one micro-batch of a search worker."""
    return float(_device().step_seconds(profile, _workload(network), _images(spec)))


def _images(spec: StudySpec) -> int:
    """Return the images of one search worker's micro-batch."""
    recipe: Recipe = spec.search.train
    return math.ceil(recipe.batch / (recipe.accumulate * spec.resources.search.workers))


def _guess(spec: StudySpec) -> DeviceProfile:
    resources = spec.resources.search
    kind = "cpu" if resources.gpus in (0, "auto") else "cuda"
    profile: DeviceProfile = _device().guess(kind, resources.cpus)
    return profile


def _probed(profile: DeviceProfile | None) -> DeviceProfile:
    if profile is None or profile.source == "guess":
        raise PlanError(
            "a budget on step time needs a device that was timed: guessed speeds may be off by "
            "several times",
            where="search.budget.cost",
            allowed="macs, params, activations or memory without a probe",
            next_step="compound plan SPEC --probe",
        )
    return profile


def _device() -> Any:
    return import_module("jobs.device")


def _workload(network: Architecture) -> Any:
    return import_module("jobs.workload").workload(network)
