"""The realised networks around a baseline that a budget admits.

Depth and width of real networks are rounded, so only finitely many shapes exist. Each is given
the resolution, the finest knob, whose cost comes nearest to the budget.
"""

import math
from dataclasses import dataclass
from functools import cached_property

from jobs.scaling import OFFICIAL, round_resolution, scale, stretch
from orchestrator.measure import Measure, counted
from schemas.architecture import (
    MAX_RESOLUTION,
    AnyStage,
    Architecture,
    Coefficients,
    Rounding,
    Shares,
)
from schemas.design import Budget

_FUZZ = 1e-9
_SAMPLING = 1.004
"""Ratio of neighbouring multipliers that are tried when shapes are listed."""
_MOST_SAMPLES = 1_200
_MOST_SHAPES = 1_200
"""Shapes that are listed; of more, a large budget over a small network, an even choice."""


@dataclass(frozen=True)
class Span:
    """The multipliers, from low to high, that round to one and the same shape."""

    low: float
    high: float

    @property
    def settled(self) -> "Span":
        """1 alone where 1 is in the span: an axis that need not be scaled is not."""
        return Span(1.0, 1.0) if self.low <= 1 <= self.high else self

    def at(self, position: float) -> float:
        """Return the multiplier at a position from 0 (low) to 1 (high), on a log scale."""
        return float(self.low * (self.high / self.low) ** position)


@dataclass(frozen=True)
class Option:
    """One network that the budget may admit, and the multipliers that lead to it."""

    shape: Architecture
    """The network at the baseline's resolution."""
    network: Architecture
    """The same at the resolution whose cost comes nearest to the budget."""
    ratio: float
    """Cost of the network over the baseline's."""
    alphas: Span
    betas: Span


@dataclass(frozen=True)
class Space:
    """All networks of one baseline under one budget."""

    baseline: Architecture
    budget: Budget
    rounding: Rounding = OFFICIAL
    measure: Measure | None = None
    """What the budget binds; None for the exact count that it names."""

    def ratio(self, network: Architecture) -> float:
        """Return the cost of a network over the baseline's, in the budget's unit."""
        return self._amount(network) / self._unit

    def admits(self, ratio: float) -> bool:
        """Say whether a cost ratio is above the baseline's and within the budget's tolerance."""
        return ratio > 1 and abs(ratio - self._goal) <= self.budget.tolerance * self._goal + _FUZZ

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """Shapes at their best resolution, whether or not the budget admits it: all, or a grid."""
        crowd = math.sqrt(len(self._depths) * len(self._widths) / _MOST_SHAPES)
        depths, widths = _thinned(self._depths, crowd), _thinned(self._widths, crowd)
        return tuple(self._option(alphas, betas) for alphas in depths for betas in widths)

    @cached_property
    def admitted(self) -> tuple[Option, ...]:
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
    def _depths(self) -> tuple[Span, ...]:
        return self._spans(deep=True)

    @cached_property
    def _widths(self) -> tuple[Span, ...]:
        return self._spans(deep=False)

    def _spans(self, *, deep: bool) -> tuple[Span, ...]:
        """List the spans of one axis, from 1 until that axis alone breaks the budget."""
        spans: dict[str, Span] = {}
        for index in range(_MOST_SAMPLES):
            value = _SAMPLING**index
            shape = self.shape(value, 1) if deep else self.shape(1, value)
            if self.ratio(shape) > self._goal * (1 + self.budget.tolerance):
                break
            spans[shape.id] = Span(spans[shape.id].low if shape.id in spans else value, value)
        return tuple(spans.values())

    def shape(self, alpha: float, beta: float) -> Architecture:
        """Realise depth and width at the baseline's resolution."""
        return stretch(self.baseline, alpha, beta, self.baseline.resolution, self.rounding)

    def option(self, triple: Coefficients) -> Option:
        """Realise the depth and width of one triple, which listing may have stepped over."""
        alpha, beta = triple.alpha, triple.beta
        return self._option(Span(alpha, alpha), Span(beta, beta))

    def given(self, triple: Coefficients) -> Option:
        """Realise one triple exactly as it stands, its resolution too."""
        alpha, beta = triple.alpha, triple.beta
        network = scale(self.baseline, triple, 1.0, self.rounding)
        shape = self.shape(alpha, beta)
        return Option(shape, network, self.ratio(network), Span(alpha, alpha), Span(beta, beta))

    def _option(self, alphas: Span, betas: Span) -> Option:
        shape = self.shape(alphas.low, betas.low)
        network = self.fit(shape)
        return Option(shape, network, self.ratio(network), alphas, betas)

    def fit(self, shape: Architecture) -> Architecture:
        """Set the resolution whose cost comes nearest to the budget, never below the baseline's.

        Params do not depend on resolution: where the budget binds them, it stays.
        """
        if self.budget.cost == "params" or self.ratio(shape) >= self._goal:
            return shape
        under = self._largest_within(shape)
        finer = self._next(under.resolution)
        if finer > self._ceiling:
            return under
        over = _at(under, finer)
        return min((under, over), key=lambda network: abs(self.ratio(network) - self._goal))

    def _largest_within(self, shape: Architecture) -> Architecture:
        """Return the shape at the largest resolution that costs no more than the budget."""
        low, high = self.baseline.resolution, self._ceiling
        while self._next(low) <= high:
            middle = max(round_resolution((low + high) / 2, self.rounding), self._next(low))
            if self.ratio(_at(shape, middle)) <= self._goal:
                low = middle
            else:
                high = middle - self.rounding.resolution
        return _at(shape, low)

    def _next(self, resolution: int) -> int:
        """Return the next resolution that rounding allows, over the maximum if need be."""
        multiple = self.rounding.resolution
        return (resolution // multiple + 1) * multiple

    @cached_property
    def _ceiling(self) -> int:
        """Return a resolution at which even the baseline is far over the budget, or the largest."""
        most = self.rounding.largest_resolution or MAX_RESOLUTION
        pixels = self.baseline.resolution
        while pixels < most and self.ratio(_at(self.baseline, pixels)) < 2 * self._goal:
            pixels *= 2
        return min(pixels, most)

    def shares(self, network: Architecture) -> Shares:
        """Split the logarithm of a network's cost over the axes, each axis counted alone."""
        base = self.baseline
        repeats = [stage.repeats for stage in network.stages]
        deep = base.model_copy(update={"stages": _with_repeats(base, repeats)})
        plain = [stage.repeats for stage in base.stages]
        wide = _at(
            network.model_copy(update={"stages": _with_repeats(network, plain)}), base.resolution
        )
        logs = [
            max(0.0, math.log(self.ratio(part)))
            for part in (deep, wide, _at(base, network.resolution))
        ]
        total = sum(logs) or 1.0
        depth, width, resolution = (log / total for log in logs)
        return Shares(depth=depth, width=width, resolution=resolution)


def _thinned(spans: tuple[Span, ...], crowd: float) -> list[Span]:
    """Return about one in `crowd` spans, evenly, the first and the last among them."""
    number = max(2, math.ceil(len(spans) / crowd))
    if number >= len(spans):
        return list(spans)
    return [spans[round(i * (len(spans) - 1) / (number - 1))] for i in range(number)]


def _at(network: Architecture, resolution: int) -> Architecture:
    return network.model_copy(update={"resolution": resolution})


def _with_repeats(network: Architecture, repeats: list[int]) -> tuple[AnyStage, ...]:
    pairs = zip(network.stages, repeats, strict=True)
    return tuple(stage.model_copy(update={"repeats": number}) for stage, number in pairs)
