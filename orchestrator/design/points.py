"""The points of a design as coefficient triples, and as shares of the budget's logarithm."""

import math
from collections.abc import Iterator
from typing import assert_never

from compound.schemas.architecture import Coefficients, Shares
from compound.schemas.design import Design, ExplicitDesign, GridDesign, LatticeDesign, StarDesign

_FUZZ = 1e-9


def points(plan: Design, multiple: float) -> list[Coefficients]:
    """Return the triples of a design, in a fixed order."""
    match plan:
        case ExplicitDesign():
            return list(plan.triples)
        case GridDesign():
            return list(_grid(plan, multiple))
        case LatticeDesign():
            return [split(shares, multiple) for shares in _lattice(plan.degree)]
        case StarDesign():
            return [split(shares, multiple) for shares in _star(plan.levels)]
        case _:
            assert_never(plan)


def split(shares: Shares, multiple: float) -> Coefficients:
    """Return the triple that spends these shares of a nominal cost multiple."""
    return Coefficients(
        alpha=multiple**shares.depth,
        beta=multiple ** (shares.width / 2),
        gamma=multiple ** (shares.resolution / 2),
    )


def nominal_shares(triple: Coefficients) -> Shares:
    """Return how a triple splits its nominal cost: the inverse of split."""
    logs = (math.log(triple.alpha), 2 * math.log(triple.beta), 2 * math.log(triple.gamma))
    total = sum(logs) or 1.0
    depth, width, resolution = (log / total for log in logs)
    return Shares(depth=depth, width=width, resolution=resolution)


def _grid(plan: GridDesign, multiple: float) -> Iterator[Coefficients]:
    """Yield the paper's grid: nominal cost within the tolerance of the multiple."""
    for alpha in _steps(*plan.alpha, plan.step):
        for beta in _steps(*plan.beta, plan.step):
            for gamma in _steps(*plan.gamma, plan.step):
                if abs(alpha * beta**2 * gamma**2 - multiple) < plan.tolerance - _FUZZ:
                    yield Coefficients(alpha=alpha, beta=beta, gamma=gamma)


def _steps(low: float, high: float, step: float) -> list[float]:
    number = math.floor((high - low) / step + _FUZZ)
    return [round(low + index * step, 10) for index in range(number + 1)]


def _lattice(degree: int) -> Iterator[Shares]:
    """Yield a simplex lattice: every share a multiple of 1 / degree."""
    for depth in range(degree, -1, -1):
        for width in range(degree - depth, -1, -1):
            rest = degree - depth - width
            yield Shares(depth=depth / degree, width=width / degree, resolution=rest / degree)


def _star(levels: int) -> Iterator[Shares]:
    """Yield the centroid, and each axis' ray from the middle of an edge through it to a corner."""
    yield Shares(depth=1 / 3, width=1 / 3, resolution=1 / 3)
    for axis in range(3):
        for step in range(1, levels + 1):
            for share in (1 / 3 + 2 / 3 * step / levels, 1 / 3 - 1 / 3 * step / levels):
                rest = (1 - share) / 2
                depth, width, resolution = (share if axis == i else rest for i in range(3))
                yield Shares(depth=depth, width=width, resolution=resolution)
