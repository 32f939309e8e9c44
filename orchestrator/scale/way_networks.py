"""Networks of a wanted cost along a way of scaling: one axis alone, or the published triple.

Layers and channels are whole numbers, so a way is a staircase in cost. The stairs on either side of
the wanted cost are compared; resolution, the finest knob, fills up what they miss.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.scaling import MULTIPLIER, multipliers, round_resolution
from compound.orchestrator.design.controls import PUBLISHED
from compound.orchestrator.design.network_space import Space
from compound.schemas.architecture import (
    MAX_RESOLUTION,
    Candidate,
    Coefficients,
    Network,
    Way,
)
from compound.schemas.errors import FactoryError

LEAST_SHARE = 0.5
"""Least part of the cost's logarithm that an axis takes of a network that is called by its name."""
MOST_ADJUSTED = {"depth": math.inf, "width": math.inf, "resolution": math.inf, "published": 0.1}
"""How far a resolution may depart from the way's, as a logarithm; single axes have their share."""
_FARTHER = 1.05
"""How much farther stairs are tried where the nearest ones miss the cost."""
_ROUNDS = 4
"""Steps towards the resolution of a wanted cost; cost grows about as the square of it."""
_UNITS = {"depth": Coefficients(alpha=2), "width": Coefficients(beta=2)}
_UNITS |= {"resolution": Coefficients(gamma=2), "published": PUBLISHED}
"""The coefficients of each way at phi 1; any phi stands for the same way."""
_SCALE_RESOLUTION = ("resolution", "published")
_AXIS = {"depth": 0, "width": 1}
"""Positions in AXES of the ways that keep the baseline's resolution."""


@dataclass(frozen=True)
class WayNetwork:
    """A network of a way, with its cost over the baseline's."""

    network: Network
    ratio: float
    multipliers: Coefficients
    share: float = 1.0
    """The part of its cost's logarithm that the axis takes; the rest is resolution's."""
    adjusted: float = 0.0
    """How far its resolution departs from the way's, as a logarithm."""


@dataclass(frozen=True)
class WayNetworks:
    """The networks of one baseline along all ways; what was counted once is kept."""

    space: Space
    controls: Sequence[Candidate] = ()
    """The search's candidates: where one is the control of a way, phi 1 takes it."""
    _stairs: dict[tuple[Way, int], WayNetwork | None] = field(default_factory=dict)
    _fitted: dict[tuple[Way, int, int], WayNetwork] = field(default_factory=dict)

    def at(self, way: Way, phi: float, ratio: float) -> Candidate | str:
        """Return the network of a way whose cost is near `ratio` times the baseline's.

        Of those within the budget's tolerance it is the one whose resolution departs least from the
        way's, then the nearest in cost. Without any the reason is returned, with the nearest cost.
        """
        if phi == 1 and (control := self._control(way, ratio)):
            return control
        stairs = self._around(way, ratio)
        for indices in (stairs, self._farther(stairs)):
            options = self._options(way, indices, ratio)
            admitted = [option for option in options if self._within(option.ratio, ratio)]
            if admitted:
                match = min(admitted, key=lambda option: (option.adjusted, _gap(option, ratio)))
                return self._candidate(way, match)
        if not options:
            return "no network of this way can be built"
        nearest = min(options, key=lambda option: _gap(option, ratio))
        return f"the nearest network costs {nearest.ratio:.2f}x, and the choice {ratio:.2f}x"

    def _options(self, way: Way, indices: Sequence[int], ratio: float) -> list[WayNetwork]:
        """Return stairs as they are, and filled up by resolution."""
        pairs = [(stair, index) for index in indices if (stair := self._stair(way, index))]
        fitted = [self._fit(way, stair, index, ratio) for stair, index in pairs]
        filled = [
            match
            for match in fitted
            if match and match.share >= LEAST_SHARE and match.adjusted <= MOST_ADJUSTED[way]
        ]
        # Where resolution belongs to the way, a pixel more or less is no other way.
        return filled if filled and way in _SCALE_RESOLUTION else [s for s, _ in pairs] + filled

    def _control(self, way: Way, ratio: float) -> Candidate | None:
        """Return a way's control of the search where its cost is near: one name, one network."""
        controls = [c for c in self.controls if way in c.roles]
        return next((c for c in controls if self._within(c.ratio, ratio)), None)

    def _within(self, cost: float, ratio: float) -> bool:
        return abs(cost / ratio - 1) <= self.space.budget.tolerance + 1e-9

    def _candidate(self, way: Way, match: WayNetwork) -> Candidate:
        assert way != "choice"
        return Candidate(
            architecture=match.network,
            cost=count(match.network),
            ratio=match.ratio,
            roles=(way,),
            coefficients=match.multipliers,
            shares=self.space.shares(match.network),
        )

    def _around(self, way: Way, ratio: float) -> tuple[int, ...]:
        """Return the last stair that costs no more than `ratio`, and the next one."""
        largest = int(math.log(MULTIPLIER[1], self._step))
        low, high = (0, largest) if ratio >= 1 else (-largest, 0)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._cost(way, middle) <= ratio else (low, middle)
        return low, high

    def _farther(self, stairs: tuple[int, ...]) -> tuple[int, ...]:
        """Return more stairs on both sides: where maps are small, a pixel can cost 10 %."""
        more = max(1, round(math.log(_FARTHER) / math.log(self._step)))
        return tuple(range(min(stairs) - more, max(stairs) + more + 1))

    @property
    def _step(self) -> float:
        return self.space.networks.step(self.space.baseline)

    def _cost(self, way: Way, index: int) -> float:
        """Return a stair's cost; beyond what can be built it is infinite, or 0 below."""
        stair = self._stair(way, index)
        return stair.ratio if stair else (math.inf if index > 0 else 0.0)

    def _stair(self, way: Way, index: int) -> WayNetwork | None:
        """Return the network of a way whose leading multiplier is the step to that power."""
        if (way, index) not in self._stairs:
            unit = _UNITS[way]
            phi = index * math.log(self._step) / math.log(max(unit.model_dump().values()))
            powers = {name: value**phi for name, value in unit.model_dump().items()}
            self._stairs[way, index] = self._realised(Coefficients(**powers))
        return self._stairs[way, index]

    def _realised(self, triple: Coefficients) -> WayNetwork | None:
        """Scale the baseline; None where it cannot be built."""
        base, rounding = self.space.baseline, self.space.rounding
        depth, width, pixels = multipliers(base.resolution, triple, 1.0, rounding)
        if not base.total_stride <= pixels <= MAX_RESOLUTION:
            return None
        try:
            network = self.space.networks.stretch(base, depth, width, pixels, rounding)
        except FactoryError:
            return None
        return WayNetwork(network, self.space.ratio(network), triple)

    def _fit(self, way: Way, stair: WayNetwork, index: int, ratio: float) -> WayNetwork | None:
        """Set a stair's resolution by the wanted cost; None where that changes no cost."""
        space = self.space
        if "resolution" not in space.networks.axes(space.baseline) or space.budget.cost == "params":
            return None
        pixels = stair.network.resolution
        for _ in range(_ROUNDS):
            cost = self._at(way, stair, index, pixels).ratio
            nearer = round_resolution(pixels * math.sqrt(ratio / cost), space.rounding)
            if (nearer := self._bounded(way, nearer)) == pixels:
                break
            pixels = nearer
        multiple = space.rounding.resolution
        near = {self._bounded(way, pixels + step) for step in (-multiple, 0, multiple)}
        options = [self._at(way, stair, index, side) for side in sorted(near)]
        return min(options, key=lambda option: _gap(option, ratio))

    def _bounded(self, way: Way, pixels: int) -> int:
        """Return a resolution that can be built; depth and width keep at least the baseline's."""
        base, rounding = self.space.baseline, self.space.rounding
        own = way in _SCALE_RESOLUTION
        least = max(base.total_stride, rounding.resolution) if own else base.resolution
        return min(max(pixels, least), rounding.largest_resolution or MAX_RESOLUTION)

    def _at(self, way: Way, stair: WayNetwork, index: int, pixels: int) -> WayNetwork:
        """Return a stair at another resolution."""
        key = (way, index, pixels)
        if key not in self._fitted:
            space = self.space
            network = space.networks.at(stair.network, pixels)
            triple = stair.multipliers.model_copy(
                update={"gamma": pixels / space.baseline.resolution}
            )
            share = 1.0 if way in _SCALE_RESOLUTION else space.shares(network).split[_AXIS[way]]
            adjusted = abs(math.log(pixels / stair.network.resolution))
            adjusted = 0.0 if way == "resolution" else adjusted
            ratio = space.ratio(network)
            self._fitted[key] = WayNetwork(network, ratio, triple, share, adjusted)
        return self._fitted[key]


def scales_along(triple: Coefficients, way: Way) -> bool:
    """Whether powers of a triple are networks of a way: no other network need stand for it."""
    logs, unit = ([math.log(x) for x in t.model_dump().values()] for t in (triple, _UNITS[way]))
    phi = sum(a * b for a, b in zip(logs, unit, strict=True)) / sum(b * b for b in unit)
    pairs = zip(logs, unit, strict=True)
    return phi != 0 and all(math.isclose(a, phi * b, abs_tol=1e-9) for a, b in pairs)


def _gap(option: WayNetwork, ratio: float) -> float:
    return abs(math.log(option.ratio / ratio))
