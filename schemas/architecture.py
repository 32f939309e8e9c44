"""What is scaled: coefficients, the realised network, its exact cost, the search's candidate."""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from compound.schemas.base import Identified, MisfitError, Model, digest
from compound.schemas.factory import FactoryNetwork
from compound.schemas.stages import Stages, Stem

MAX_MULTIPLIER = 1_000
Multiplier = Annotated[float, Field(gt=0, le=MAX_MULTIPLIER)]
MAX_RESOLUTION = 8_192
Resolution = Annotated[int, Field(ge=1, le=MAX_RESOLUTION)]
BlockFamily = Literal["mbconv", "mobilenet-v1", "mobilenet-v2", "mnasnet", "resnet", "amoebanet"]
"""Whose numerics a network has (activation, norm, initialisation), and how its ends scale."""

Axis = Literal["depth", "width", "resolution"]
AXES: tuple[Axis, ...] = ("depth", "width", "resolution")
Control = Literal["depth", "width", "resolution", "published", "dwr"]
"""What a design is compared with at equal cost: one axis alone, or a split that has a name.

`published` is EfficientNet's (1.2, 1.1, 1.15); `dwr` is Dollar et al. 2021 with alpha = 0.8."""
CONTROLS: tuple[Control, ...] = ("depth", "width", "resolution", "published", "dwr")
Role = Literal["baseline", "design", "depth", "width", "resolution", "published", "dwr"]
Way = Literal["choice", "depth", "width", "resolution", "published"]
"""How a baseline is scaled by phi: as the search chose, along one axis, or by (1.2, 1.1, 1.15)."""


class Coefficients(Model):
    """Multipliers of depth (alpha), width (beta) and resolution (gamma) at phi = 1."""

    alpha: Multiplier = 1.0
    """Multiplier of depth."""
    beta: Multiplier = 1.0
    """Multiplier of width."""
    gamma: Multiplier = 1.0
    """Multiplier of resolution."""

    @property
    def nominal(self) -> float:
        """The cost ratio that the paper's formula promises: alpha * beta^2 * gamma^2."""
        return self.alpha * self.beta**2 * self.gamma**2


Head = Annotated[int, Field(ge=0, le=65_536)]
"""Channels of the 1x1 convolution before pooling; 0 leaves it out."""


def _is_half(padding: str) -> bool:
    return padding == "half"


def _is_none(value: object) -> bool:
    return value is None


Padding = Annotated[Literal["half", "same"], Field(exclude_if=_is_half)]
"""What convolutions and pools add around a map: half a kernel on every side, as torch does; or as
TensorFlow does, with a stride mostly more at the end than at the start."""
NormEpsilon = Annotated[float, Field(gt=0, le=1)]


class Architecture(Identified):
    """A realised network: every stage's repeats and channels, and the input resolution."""

    family: BlockFamily = "mbconv"
    resolution: Resolution
    in_channels: Annotated[int, Field(ge=1, le=1_024)] = 3
    num_classes: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    stem: Stem = Stem()
    stages: Stages
    head: Head = 1280
    padding: Padding = "half"
    norm_epsilon: Annotated[NormEpsilon | None, Field(exclude_if=_is_none)] = None
    """Added to the variance in batch norm; None: the family's own (jobs/networks/families.py). A
    network that starts from weights has the epsilon that they were trained with."""

    @cached_property
    def id(self) -> str:
        """The identity of the realised network, resolution included."""
        return digest(self)

    @property
    def total_stride(self) -> int:
        """How many input pixels lie under one pixel of the last feature map."""
        stride = self.stem.stride * (2 if self.stem.pool else 1)
        for stage in self.stages:
            stride *= stage.stride
        return stride

    @property
    def depth(self) -> int:
        """The number of blocks over all stages."""
        return sum(stage.repeats for stage in self.stages)


Network = Architecture | FactoryNetwork
"""A realised network: data from which it is built, or what a user's own factory built."""


def describe(network: Network) -> dict[str, Any]:
    """Return the size of a network: its stages, or the multipliers of its factory."""
    if isinstance(network, FactoryNetwork):
        return {"factory": network.factory, "depth": network.depth, "width": network.width}
    return {
        "repeats": [stage.repeats for stage in network.stages],
        "channels": [stage.channels for stage in network.stages],
    }


class Rounding(Model):
    """How real numbers become layers, channels and pixels.

    The defaults are the official ones (tensorflow/tpu efficientnet_model.py: round_filters and
    round_repeats).
    """

    depth: Literal["ceil", "round"] = "ceil"
    """How a stage's repeats become a whole number."""
    channels: Annotated[int, Field(ge=1, le=256)] = 8
    """Channels become multiples of this."""
    resolution: Annotated[int, Field(ge=1, le=256)] = 1
    """Scaled resolutions become multiples of this; one that is not scaled does not change."""
    max_resolution: Resolution | None = None
    """The largest resolution that scaling may reach, in pixels; null: no limit."""

    @model_validator(mode="after")
    def _attainable(self) -> "Rounding":
        if self.max_resolution is not None and self.max_resolution < self.resolution:
            raise MisfitError(
                ("max_resolution",),
                f"max_resolution {self.max_resolution} is below {self.resolution}, "
                "the smallest multiple that resolution allows",
                next_step=f"write `max_resolution: {self.resolution}`",
            )
        return self

    @property
    def largest_resolution(self) -> int | None:
        """The largest multiple within the maximum; None where there is no maximum."""
        most = self.max_resolution
        return most and most // self.resolution * self.resolution


class Cost(Model):
    """Exact counts of one network; MACs and activations for one image, forward.

    MACs are multiplications of convolutions and matrix products without biases; activations are
    the elements of all convolution outputs (Dollar et al. 2021).
    """

    params: int
    macs: int
    activations: int


class Shares(Model):
    """How a doubling of cost is split: fractions of its logarithm, adding up to 1."""

    depth: float
    width: float
    resolution: float

    @property
    def split(self) -> tuple[float, float, float]:
        """The three shares in the order of AXES."""
        return self.depth, self.width, self.resolution


class Candidate(Model):
    """A realised network of the search, with every coefficient triple that rounds to it."""

    architecture: Network
    cost: Cost
    ratio: float
    """Realised cost over the baseline's, in the unit that the budget binds."""
    roles: tuple[Role, ...]
    coefficients: Coefficients
    """One triple that scales the baseline to exactly this network at phi = 1."""
    triples: tuple[Coefficients, ...] = ()
    """The points of the design that became this network, as the design named them."""
    shares: Shares | None = None
    """The realised network's point of the simplex; None for the baseline."""

    @property
    def id(self) -> str:
        """The architecture's identity."""
        return self.architecture.id
