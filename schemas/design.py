"""What the search may try: the points of a design, and what a candidate may cost."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.base import Model

MAX_POINTS = 1_000_000
"""Grid points, before the tolerance picks from them."""

Step = Annotated[float, Field(gt=0, le=1)]
Bound = Annotated[float, Field(ge=1, le=16)]
Span = tuple[Bound, Bound]


class GridDesign(Model):
    """The paper's design: every triple of a grid whose nominal cost is near the multiple."""

    kind: Literal["grid"]
    step: Step = 0.05
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.1
    """How far alpha * beta^2 * gamma^2 may lie from the budget's multiple."""
    alpha: Span = (1.0, 2.0)
    beta: Span = (1.0, 1.5)
    gamma: Span = (1.0, 1.5)

    @model_validator(mode="after")
    def _bounded(self) -> "GridDesign":
        number = 1.0
        for name in ("alpha", "beta", "gamma"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} runs from {low:g} down to {high:g}: no point")
            number *= (high - low) / self.step + 1
        if number > MAX_POINTS:
            raise ValueError(f"{number:,.0f} grid points, at most {MAX_POINTS:,}: enlarge the step")
        return self


class LatticeDesign(Model):
    """A simplex lattice: the shares of the doubling that go to depth, width and resolution."""

    kind: Literal["lattice"]
    degree: Annotated[int, Field(ge=1, le=100)] = 4
    """Shares are multiples of 1 / degree: (degree + 1)(degree + 2) / 2 points."""


Design = Annotated[GridDesign | LatticeDesign, Field(discriminator="kind")]


class Budget(Model):
    """What every candidate of the search may cost, counted on the realised network."""

    cost: Literal["macs", "params", "activations"] = "macs"
    multiple: Annotated[float, Field(gt=1, le=64)] = 2.0
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Relative: 0.05 admits 1.90x to 2.10x of a multiple of 2."""
