"""The realised networks around a baseline that a budget admits.

Depth and width of real networks are rounded, so only finitely many shapes exist. Each is given
the resolution, the finest knob, whose cost comes nearest to the budget.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from typing import TypeVar

from compound.jobs.models.scaled import Networks
from compound.jobs.networks.scaling import OFFICIAL, round_resolution
from compound.orchestrator.design.budget_cost import Measure, counted
from compound.schemas.architecture import MAX_RESOLUTION, Coefficients, Network, Rounding, Shares
from compound.schemas.design import Budget
from compound.schemas.errors import FactoryError

T = TypeVar("T")

_FUZZ = 1e-9
_LARGEST = 100.0
"""The multiplier at which the listing of shapes gives up: the axis hardly costs anything."""
_MOST_SHAPES = 1_200
"""Shapes that are listed; of more, a large budget over a small network, an even choice."""


@dataclass(frozen=True)
class MultiplierRange:
    """The multipliers, from low to high, that round to one and the same shape."""

    low: float
    high: float

    @property
    def settled(self) -> "MultiplierRange":
        """1 alone where 1 is in the span: an axis that need not be scaled is not."""
        return MultiplierRange(1.0, 1.0) if self.low <= 1 <= self.high else self

    def at(self, position: float) -> float:
        """Return the multiplier at a position from 0 (low) to 1 (high), on a log scale."""
        return float(self.low * (self.high / self.low) ** position)


@dataclass(frozen=True)
class NetworkOption:
    """One network that the budget may admit, and the multipliers that lead to it."""

    shape: Network
    """The network at the baseline's resolution."""
    network: Network
    """The same at the resolution whose cost comes nearest to the budget."""
    ratio: float
    """Cost of the network over the baseline's."""
    alphas: MultiplierRange
    betas: MultiplierRange


@dataclass(frozen=True)
class Space:
    """All networks of one baseline under one budget."""

    baseline: Network
    budget: Budget
    rounding: Rounding = OFFICIAL
    measure: Measure | None = None
    """What the budget binds; None for the exact count that it names."""
    networks: Networks = field(default_factory=Networks)
    failures: list[str] = field(default_factory=list)
    """Why scalings of a user's own network that were tried could not be built."""

    def ratio(self, network: Network) -> float:
        """Return the cost of a network over the baseline's, in the budget's unit."""
        return self._amount(network) / self._unit

    def admits(self, ratio: float) -> bool:
        """Say whether a cost ratio is above the baseline's and within the budget's tolerance."""
        return ratio > 1 and abs(ratio - self._goal) <= self.budget.tolerance * self._goal + _FUZZ

    @cached_property
    def options(self) -> tuple[NetworkOption, ...]:
        """Shapes at their best resolution, whether or not the budget admits it: all, or a grid."""
        crowd = math.sqrt(len(self._depths) * len(self._widths) / _MOST_SHAPES)
        pairs = product(_thinned(self._depths, crowd), _thinned(self._widths, crowd))
        options = [self._tried(partial(self._option, *pair)) for pair in pairs]
        return tuple(option for option in options if option is not None)

    @cached_property
    def admitted(self) -> tuple[NetworkOption, ...]:
        """The options whose cost lies within the budget's tolerance."""
        return tuple(option for option in self.options if self.admits(option.ratio))

    @cached_property
    def _unit(self) -> float:
        return self._amount(self.baseline)

    @property
    def _goal(self) -> float:
        return self.budget.multiple

    @cached_property
    def _amount(self) -> Measure:
        return self.measure or counted(self.budget.cost)

    @cached_property
    def _depths(self) -> tuple[MultiplierRange, ...]:
        return self._spans(deep=True)

    @cached_property
    def _widths(self) -> tuple[MultiplierRange, ...]:
        return self._spans(deep=False)

    def _spans(self, *, deep: bool) -> tuple[MultiplierRange, ...]:
        """List the spans of one axis, from 1 until that axis alone breaks the budget."""
        spans: dict[str, MultiplierRange] = {}
        step = self.networks.step(self.baseline)
        idle = ("depth" if deep else "width") not in self.networks.axes(self.baseline)
        # Steps, not bisection: rounding makes the shapes a staircase, and every stair counts.
        for index in range(1 if idle else int(math.log(_LARGEST, step))):
            value = step**index
            pair = (value, 1.0) if deep else (1.0, value)
            shape = self._tried(partial(self.shape, *pair))
            if shape is None:
                continue
            if self.ratio(shape) > self._goal * (1 + self.budget.tolerance):
                break
            spans[shape.id] = MultiplierRange(
                spans[shape.id].low if shape.id in spans else value, value
            )
        return tuple(spans.values())

    def shape(self, alpha: float, beta: float) -> Network:
        """Realise depth and width at the baseline's resolution."""
        resolution = self.baseline.resolution
        return self.networks.stretch(self.baseline, alpha, beta, resolution, self.rounding)

    def _tried(self, make: Callable[[], T]) -> T | None:
        """Make something of depth and width; None, with the reason noted, where a factory fails."""
        try:
            return make()
        except FactoryError as error:
            self.failures.append(error.message)
            return None

    def leads(self, triple: Coefficients, network: Network) -> bool:
        """Whether a triple scales the baseline to exactly this network, at phi = 1.

        Between two multipliers that a factory was tried at, it may build something else, or fail.
        """
        try:
            return self.networks.scale(self.baseline, triple, 1.0, self.rounding) == network
        except FactoryError:
            return False

    def option(self, triple: Coefficients) -> NetworkOption:
        """Realise the depth and width of one triple, which listing may have stepped over."""
        alpha, beta = triple.alpha, triple.beta
        return self._option(MultiplierRange(alpha, alpha), MultiplierRange(beta, beta))

    def exact(self, triple: Coefficients) -> NetworkOption:
        """Realise one triple exactly, with its own resolution."""
        alpha, beta = triple.alpha, triple.beta
        network = self.networks.scale(self.baseline, triple, 1.0, self.rounding)
        shape = self.networks.at(network, self.baseline.resolution)
        return NetworkOption(
            shape,
            network,
            self.ratio(network),
            MultiplierRange(alpha, alpha),
            MultiplierRange(beta, beta),
        )

    def _option(self, alphas: MultiplierRange, betas: MultiplierRange) -> NetworkOption:
        shape = self.shape(alphas.low, betas.low)
        network = self.fit(shape)
        return NetworkOption(shape, network, self.ratio(network), alphas, betas)

    def fit(self, shape: Network) -> Network:
        """Set the resolution whose cost comes nearest to the budget, never below the baseline's.

        Params do not depend on resolution: where the budget binds them, it stays.
        """
        idle = "resolution" not in self.networks.axes(self.baseline)
        if idle or self.budget.cost == "params" or self.ratio(shape) >= self._goal:
            return shape
        under = self._largest_within(shape)
        finer = self._next(under.resolution)
        if finer > self._ceiling:
            return under
        over = self.networks.at(under, finer)
        return min((under, over), key=lambda network: abs(self.ratio(network) - self._goal))

    def _largest_within(self, shape: Network) -> Network:
        """Return the shape at the largest resolution that costs no more than the budget."""
        multiple = self.rounding.resolution
        low, high = self.baseline.resolution, self._ceiling // multiple * multiple
        last, ratio = low, self.ratio(shape)
        while self._next(low) <= high:
            # Cost grows about as the square of the pixels, so the root finds it in a few steps.
            guess = last * math.sqrt(self._goal / ratio)
            last = min(max(round_resolution(guess, self.rounding), self._next(low)), high)
            ratio = self.ratio(self.networks.at(shape, last))
            if ratio <= self._goal:
                low = last
            else:
                high = last - multiple
        return self.networks.at(shape, low)

    def _next(self, resolution: int) -> int:
        """Return the next resolution that rounding allows, over the maximum if need be."""
        multiple = self.rounding.resolution
        return (resolution // multiple + 1) * multiple

    @cached_property
    def _ceiling(self) -> int:
        """Return a resolution at which even the baseline is far over the budget, or the largest."""
        most = self.rounding.largest_resolution or MAX_RESOLUTION
        pixels = self.baseline.resolution
        while pixels < most and self._ratio_at(pixels) < 2 * self._goal:
            pixels *= 2
        return min(pixels, most)

    def _ratio_at(self, pixels: int) -> float:
        """Return the baseline's cost at another resolution; infinite where it cannot be built."""
        network = self._tried(partial(self.networks.at, self.baseline, pixels))
        return math.inf if network is None else self.ratio(network)

    def shares(self, network: Network) -> Shares:
        """Split the logarithm of a network's cost over the axes, each axis counted alone."""
        parts = self.networks.alone(self.baseline, network)
        logs = [max(0.0, math.log(self.ratio(part))) for part in parts]
        total = sum(logs) or 1.0
        depth, width, resolution = (log / total for log in logs)
        return Shares(depth=depth, width=width, resolution=resolution)


def _thinned(spans: tuple[MultiplierRange, ...], crowd: float) -> list[MultiplierRange]:
    """Return about one in `crowd` spans, evenly, the first and the last among them."""
    number = max(2, math.ceil(len(spans) / crowd)) if spans else 0
    if number >= len(spans):
        return list(spans)
    return [spans[round(i * (len(spans) - 1) / (number - 1))] for i in range(number)]
