"""Fitting models of time and memory to measured networks, and telling how far off they are.

Every fit makes the squares of relative errors least, with no coefficient negative. A GPU's step
takes the larger of two such sums, so each network shows one of them: the host's time for those
that are bound by launches, the device's for the others. The first take the fewest seconds a layer.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from jobs.device import LAUNCHED, TIMED, Kind, combine, guess
from schemas.device import DeviceProfile, Part, Precision

Features = Mapping[str, float]

_SHOWN = 3
"""Networks that a part of the model needs, to be fitted to them."""
_CLEAR = 1.3
"""Measured seconds over those of launching, from which a step shows the device and no noise."""


@dataclass(frozen=True)
class Larger:
    """The larger of two sums: what the host takes to launch a step, and the device to do it."""

    launch: dict[str, float]
    device: dict[str, float]
    guessed: tuple[Part, ...] = ()

    def at(self, features: Features) -> float:
        """Return the seconds of a step."""
        return max(combine(self.launch, features), combine(self.device, features))


@dataclass(frozen=True)
class Errors:
    """How far off a model is for networks of families that it was not fitted to."""

    median: float
    worst: float


def step_model(
    kind: Kind, precision: Precision, features: Sequence[Features], seconds: Sequence[float]
) -> Larger:
    """Fit the time of a step: of a CPU one sum, of a GPU the larger of two."""
    if kind == "cpu":
        return Larger({}, sum_of(TIMED[kind], features, seconds))
    return larger_of(features, seconds, guess(kind, precision=precision))


def memory_model(features: Sequence[Features], held: Sequence[float]) -> Larger:
    """Fit the memory of a step, which is one sum."""
    return Larger({}, sum_of(list(features[0]), features, held))


def sum_of(
    names: Sequence[str], features: Sequence[Features], values: Sequence[float]
) -> dict[str, float]:
    """Return the coefficients of a sum of the named features."""
    rows = np.array([[row[name] for name in names] for row in features])
    relative = rows / np.array(values)[:, None]
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0
    solution, _ = optimize.nnls(relative / scale, np.ones(len(values)))
    return {name: float(value) for name, value in zip(names, solution / scale, strict=True)}


def larger_of(
    features: Sequence[Features], values: Sequence[float], guessed: DeviceProfile
) -> Larger:
    """Fit the larger of two sums: every division of the networks is tried, the best one stays.

    A part that too few networks show is that of `guessed`, scaled to what they allow.
    """
    order = sorted(range(len(values)), key=lambda i: values[i] / features[i]["layer"])
    ordered = [features[i] for i in order], [values[i] for i in order]
    models = [_divided(*ordered, count, guessed) for count in range(len(values) + 1)]
    return min(models, key=lambda model: (len(model.guessed), _misfit(model, features, values)))


def _divided(
    features: Sequence[Features], values: Sequence[float], launched: int, guessed: DeviceProfile
) -> Larger:
    """Fit both parts, where the first `launched` networks show the host and the rest the device."""
    missing: list[Part] = []
    if launched >= _SHOWN:
        launch = sum_of(LAUNCHED, features[:launched], values[:launched])
    else:
        missing.append("launch")
        launch = _allowed(guessed.launch, features, values)
    worked = list(zip(features[launched:], values[launched:], strict=True))
    if sum(seconds > _CLEAR * combine(launch, row) for row, seconds in worked) >= _SHOWN:
        device = sum_of(TIMED["cuda"], features[launched:], values[launched:])
    else:
        missing.append("device")
        device = _allowed(guessed.seconds, features, values)
    return Larger(launch, device, tuple(missing))


def _allowed(
    coefficients: Features, features: Sequence[Features], values: Sequence[float]
) -> dict[str, float]:
    """Return a guess, scaled down where it says more than a whole step was measured to take."""
    pairs = zip(features, values, strict=True)
    scale = min(1.0, *(value / combine(coefficients, row) for row, value in pairs))
    return {name: scale * value for name, value in coefficients.items()}


def _misfit(model: Larger, features: Sequence[Features], values: Sequence[float]) -> float:
    """Return the sum of squared logarithms of predicted over measured."""
    predicted = np.array([model.at(row) for row in features])
    return float((np.log(predicted / np.array(values)) ** 2).sum())


def errors_of(
    families: Sequence[str],
    features: Sequence[Features],
    values: Sequence[float],
    fit: Callable[[Sequence[Features], Sequence[float]], Larger],
) -> Errors:
    """Leave out each family in turn, fit to the others, and compare."""
    errors = []
    for family in dict.fromkeys(families):
        rest = [i for i, name in enumerate(families) if name != family]
        model = fit([features[i] for i in rest], [values[i] for i in rest])
        left_out = [i for i, name in enumerate(families) if name == family]
        errors += [abs(model.at(features[i]) / values[i] - 1) for i in left_out]
    return Errors(statistics.median(errors), max(errors))
