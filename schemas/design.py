"""What the search may try: the points of a design, and what a candidate may cost.

The points of each kind: orchestrator/design/points.py.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from compound.schemas.architecture import Coefficients
from compound.schemas.base import STORED, MisfitError, Model

MAX_POINTS = 1_000_000
"""Grid points, before the tolerance picks from them."""

Step = Annotated[float, Field(gt=0, le=1)]
Bound = Annotated[float, Field(ge=1, le=16)]
Span = tuple[Bound, Bound]


class GridDesign(Model):
    """The paper's design: every triple of a grid whose nominal cost is near the multiple."""

    kind: Literal["grid"]
    """Every triple of a grid whose nominal cost is near the budget's multiple."""
    step: Step = 0.05
    """Distance between neighbours of the grid, along each axis."""
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.1
    """How far alpha * beta^2 * gamma^2 may lie from the budget's multiple."""
    alpha: Span = (1.0, 2.0)
    """Smallest and largest multiplier of depth."""
    beta: Span = (1.0, 1.5)
    """Smallest and largest multiplier of width."""
    gamma: Span = (1.0, 1.5)
    """Smallest and largest multiplier of resolution."""
    fit_resolution: bool = True
    """Give each point the resolution that meets the budget; false keeps its own gamma, which is
    the paper's procedure."""

    @model_validator(mode="after")
    def _bounded(self) -> "GridDesign":
        number = 1.0
        for name in ("alpha", "beta", "gamma"):
            low, high = getattr(self, name)
            if low > high:
                raise MisfitError(
                    (name,),
                    f"{name} runs from {low:g} to {high:g}: write the smaller number first",
                    next_step=f"write `{name}: [{high:g}, {low:g}]`",
                )
            number *= (high - low) / self.step + 1
        if number > MAX_POINTS:
            message = f"{number:,.0f} grid points, at most {MAX_POINTS:,}: enlarge the step"
            raise MisfitError(("step", "alpha", "beta", "gamma"), message, "write `step: 0.05`")
        return self


class LatticeDesign(Model):
    """A simplex lattice: the shares of the doubling that go to depth, width and resolution."""

    kind: Literal["lattice"]
    """A simplex lattice over the shares of depth, width and resolution."""
    degree: Annotated[int, Field(ge=1, le=100)] = 4
    """Shares are multiples of 1 / degree: (degree + 1)(degree + 2) / 2 points."""


class StarDesign(Model):
    """Three rays through the centroid, for reading the effect of one axis at a time.

    Along a ray one axis' share runs from 0 to 1 while the other two halve the rest.
    """

    kind: Literal["star"]
    """Three rays through the centroid of the shares."""
    levels: Annotated[int, Field(ge=1, le=100)] = 2
    """Steps on either side of the centroid: 6 * levels + 1 points."""


class ExplicitDesign(Model):
    """Triples that the user chooses; each is realised exactly as written."""

    kind: Literal["explicit"]
    """Triples of your own."""
    triples: Annotated[tuple[Coefficients, ...], Field(min_length=1, max_length=10_000)]
    """Triples such as {alpha: 1.2, beta: 1.1, gamma: 1.15}."""
    fit_resolution: bool = False
    """Replace each gamma by the resolution that meets the budget."""


Design = Annotated[
    GridDesign | LatticeDesign | StarDesign | ExplicitDesign, Field(discriminator="kind")
]

CostUnit = Literal["macs", "params", "activations", "memory", "step_time"]
COST_NAMES: dict[CostUnit, str] = {
    "macs": "MACs",
    "params": "parameters",
    "activations": "activations",
    "memory": "peak memory",
    "step_time": "step time",
}
COUNTED: tuple[CostUnit, ...] = ("macs", "params", "activations")
"""The units that depend on the network alone, not on the device."""


class Budget(Model):
    """What every candidate of the search may cost, measured on the realised network."""

    cost: CostUnit = "macs"
    """What is counted: `macs`, `params` or `activations` of the network; `memory`: peak bytes of
    a search worker; `step_time`: seconds of its micro-batch, which takes a probe of the device."""
    multiple: Annotated[float, Field(gt=1, le=64)] = 2.0
    """Cost of a candidate over the baseline's."""
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.05
    """How far a candidate's cost may lie from the multiple, as a fraction of it: 0.05 admits 1.90x
    to 2.10x of a multiple of 2."""


def without_surface(search: Any, info: ValidationInfo) -> Any:
    """Drop `search.surface` of a stored study.

    MisfitError: it is in a user's spec.
    """
    if not isinstance(search, dict) or "surface" not in search:
        return search
    if info.context != STORED:
        raise MisfitError(
            ("surface",),
            "surface is no choice any more: every study has the quadratic surface over the shares; "
            "take this line out",
            next_step="take `surface` out",
        )
    return {key: value for key, value in search.items() if key != "surface"}
