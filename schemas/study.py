"""The YAML that a user writes: `kind: study`, or `kind: train` for one scaled variant."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, model_validator

from schemas.architecture import BlockFamily, Coefficients, Head, Resolution, Rounding, Stages, Stem
from schemas.base import Model
from schemas.data import DataSpec
from schemas.job import Resources
from schemas.recipe import Recipe

NAME_PATTERN = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$"
"""Lower case, so that no two names differ in case only; no dots, no slashes."""

MAX_POINTS = 1_000_000
"""Grid points, before the tolerance picks from them."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Phi = Annotated[float, Field(gt=0, le=20)]


NetworkName = Literal[
    "efficientnet-b0",
    "efficientnet-b1",
    "efficientnet-b2",
    "efficientnet-b3",
    "efficientnet-b4",
    "efficientnet-b5",
    "efficientnet-b6",
    "efficientnet-b7",
    "efficientnet-b8",
    "efficientnet-l2",
    "mobilenet-v1",
    "mobilenet-v2",
    "mnasnet-a1",
    "mnasnet-b1",
    "resnet-18",
    "resnet-34",
    "resnet-50",
    "resnet-101",
    "resnet-152",
    "resnet-200",
    "amoebanet-d",
]
"""The networks that `baseline.name` and `compound count` know; jobs.models.zoo holds them."""


class NamedBaseline(Model):
    """A network that the paper names; its classes and channels follow the data."""

    name: NetworkName
    resolution: Resolution | None = None


class CustomBaseline(Model):
    """A small network of one's own, as data."""

    family: BlockFamily = "mbconv"
    resolution: Resolution
    stem: Stem = Stem()
    stages: Stages
    head: Head = 1280


def _baseline_tag(value: Any) -> str:
    named = "name" in value if isinstance(value, dict) else isinstance(value, NamedBaseline)
    return "named" if named else "custom"


Baseline = Annotated[
    Annotated[NamedBaseline, Tag("named")] | Annotated[CustomBaseline, Tag("custom")],
    Discriminator(_baseline_tag),
]

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


class Search(Model):
    """The small search at phi = 1."""

    design: Design = LatticeDesign(kind="lattice")
    budget: Budget = Budget()
    seeds: Annotated[int, Field(ge=1, le=1000)] = 3
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Confidence of the intervals in the verdict."""
    train: Recipe = Recipe()
    """The recipe of the search; a spec writes only what differs from `train`."""


class Family(Model):
    """The scaled networks to train once the search has chosen."""

    phi: Annotated[tuple[Phi, ...], Field(max_length=20)] = (1.0, 2.0, 3.0)
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1


class Placement(Model):
    """What a search job and a family job are given."""

    search: Resources = Resources()
    family: Resources = Resources()


class _Common(Model):
    name: Name
    store: Annotated[str, Field(min_length=1)] = "runs"
    """A folder, relative to where the command runs, or s3://bucket/prefix."""
    data: DataSpec
    baseline: Baseline
    rounding: Rounding = Rounding()
    train: Recipe = Recipe()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The first seed; further ones count up from it."""


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    nested = {k: _merged(base[k], v) for k, v in over.items() if _both_maps(base.get(k), v)}
    return {**base, **over, **nested}


def _both_maps(one: Any, other: Any) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


class StudySpec(_Common):
    """A study: search on the small baseline, verdict, then the scaled family."""

    kind: Literal["study"]
    search: Search = Search()
    family: Family = Family()
    resources: Placement = Placement()

    @model_validator(mode="before")
    @classmethod
    def _search_inherits_train(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        search, train = given.get("search", {}), given.get("train", {})
        if not _both_maps(search, train) or not isinstance(search.get("train", {}), dict):
            return given
        inherited = _merged(train, search.get("train", {}))
        return {**given, "search": {**search, "train": inherited}}


class TrainSpec(_Common):
    """One scaled variant: the baseline at given coefficients and phi, trained over seeds."""

    kind: Literal["train"]
    coefficients: Coefficients = Coefficients()
    phi: Annotated[float, Field(ge=-20, le=20)] = 1.0
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    resources: Resources = Resources()


Spec = Annotated[StudySpec | TrainSpec, Field(discriminator="kind")]
SPEC: TypeAdapter[StudySpec | TrainSpec] = TypeAdapter(Spec)
