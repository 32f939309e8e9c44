"""Fits models of time and memory to measured networks, and estimates their errors.

Every fit minimises the squares of relative errors with non-negative coefficients. A GPU's step
takes the larger of two such sums, so each network shows one of them: the host's time where launches
bound it, else the device's. Networks that are bound by launches take the fewest seconds a layer.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from compound.jobs.device_model import LAUNCHED, TIMED, Kind, combine, guess
from compound.schemas.machine.device import DeviceProfile, Part, Precision

Features = Mapping[str, float]
Timed = Sequence[tuple[Features, float]]
"""Networks as counts, with the seconds that a step of each took."""

_FEWEST = 3
"""The fewest networks that a part of the model is fitted to."""
_CLEAR = 1.3
"""Measured seconds over launch seconds from which a step shows the device's time, not noise."""


@dataclass(frozen=True)
class Larger:
    """The larger of two sums: the host's time to launch a step, and the device's to run it."""

    launch: dict[str, float]
    device: dict[str, float]
    guessed: tuple[Part, ...] = ()

    def at(self, features: Features) -> float:
        """Return the seconds of a step."""
        return max(combine(self.launch, features), combine(self.device, features))


@dataclass(frozen=True)
class Errors:
    """Relative errors of a model for networks that it was not fitted to."""

    median: float
    worst: float


def step_model(
    kind: Kind, precision: Precision, features: Sequence[Features], seconds: Sequence[float]
) -> Larger:
    """Fit the time of a step: of a CPU one sum, of a GPU the larger of two."""
    if kind == "cpu":
        return Larger({}, sum_of(TIMED[kind], features, seconds))
    return larger_of(features, seconds, guess(kind, precision=precision))


def memory_model(features: Sequence[Features], used: Sequence[float]) -> Larger:
    """Fit the memory of a step, which is one sum."""
    return Larger({}, sum_of(list(features[0]), features, used))


def sum_of(
    names: Sequence[str], features: Sequence[Features], values: Sequence[float]
) -> dict[str, float]:
    """Return the coefficients of a sum of the named features."""
    rows = np.array([[row[name] for name in names] for row in features])
    relative = rows / np.array(values)[:, None]
    # Features differ by many orders of magnitude: nnls needs columns of one scale.
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0
    solution, _ = optimize.nnls(relative / scale, np.ones(len(values)))
    return {name: float(value) for name, value in zip(names, solution / scale, strict=True)}


def larger_of(
    features: Sequence[Features], values: Sequence[float], guessed: DeviceProfile
) -> Larger:
    """Fit the larger of two sums: try the plausible divisions of the networks between them.

    The networks are sorted by their seconds a layer and divided at each index. The best division is
    then repeated by the prediction for each network, as long as that fits better. A part that too
    few networks show is taken from `guessed`, scaled to what they allow.
    """
    timed = sorted(zip(features, values, strict=True), key=lambda pair: pair[1] / pair[0]["layer"])
    divisions = (([True] * n + [False] * (len(timed) - n)) for n in range(len(timed) + 1))
    best = min((_divided(timed, launched, guessed) for launched in divisions), key=_rank(timed))
    for _ in timed:
        again = _divided(timed, [_launches(best, row) for row, _ in timed], guessed)
        if _rank(timed)(again) >= _rank(timed)(best):
            break
        best = again
    return best


def _divided(timed: Timed, launched: Sequence[bool], guessed: DeviceProfile) -> Larger:
    """Fit both parts: launching to the networks that it bounds, the device to the rest."""
    host = [pair for pair, bound in zip(timed, launched, strict=True) if bound]
    rest = [pair for pair, bound in zip(timed, launched, strict=True) if not bound]
    missing: list[Part] = []
    if len(host) >= _FEWEST:
        launch = sum_of(LAUNCHED, *zip(*host, strict=True))
    else:
        missing.append("launch")
        launch = _allowed(guessed.launch, timed)
    if sum(seconds > _CLEAR * combine(launch, row) for row, seconds in rest) >= _FEWEST:
        device = sum_of(TIMED["cuda"], *zip(*rest, strict=True))
    else:
        missing.append("device")
        device = _allowed(guessed.seconds, timed)
    return Larger(launch, device, tuple(missing))


def _launches(model: Larger, features: Features) -> bool:
    return combine(model.launch, features) >= combine(model.device, features)


def _allowed(coefficients: Features, timed: Timed) -> dict[str, float]:
    """Return a guess, scaled down where it exceeds a measured whole step."""
    scale = min(1.0, *(seconds / combine(coefficients, row) for row, seconds in timed))
    return {name: scale * value for name, value in coefficients.items()}


def _rank(timed: Timed) -> Callable[[Larger], tuple[int, float]]:
    """Return the key that ranks models: the number of guessed parts, then squared log errors."""

    def rank(model: Larger) -> tuple[int, float]:
        errors = np.log([model.at(row) / seconds for row, seconds in timed])
        return len(model.guessed), float((errors**2).sum())

    return rank


def errors_of(
    groups: Sequence[str],
    features: Sequence[Features],
    values: Sequence[float],
    fit: Callable[[Sequence[Features], Sequence[float]], Larger],
) -> Errors:
    """Leave out each group of networks in turn, fit to the rest, and compare."""
    errors = []
    for group in dict.fromkeys(groups):
        rest = [i for i, name in enumerate(groups) if name != group]
        model = fit([features[i] for i in rest], [values[i] for i in rest])
        left_out = [i for i, name in enumerate(groups) if name == group]
        errors += [abs(model.at(features[i]) / values[i] - 1) for i in left_out]
    return Errors(statistics.median(errors), max(errors))
