"""What is scaled: coefficients, the realised network, its exact cost, the search's candidate."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Model, digest

Channels = Annotated[int, Field(ge=1, le=65_536)]
Multiplier = Annotated[float, Field(gt=0, le=1_000)]
Resolution = Annotated[int, Field(ge=1, le=8_192)]
Role = Literal["baseline", "design", "depth", "width", "resolution"]
Axis = Literal["depth", "width", "resolution"]
AXES: tuple[Axis, ...] = ("depth", "width", "resolution")


class Coefficients(Model):
    """Multipliers of depth (alpha), width (beta) and resolution (gamma) at phi = 1."""

    alpha: Multiplier = 1.0
    beta: Multiplier = 1.0
    gamma: Multiplier = 1.0

    @property
    def nominal(self) -> float:
        """The cost ratio that the paper's formula promises: alpha * beta^2 * gamma^2."""
        return self.alpha * self.beta**2 * self.gamma**2


class Stem(Model):
    """The first convolution: a plain kernel x kernel conv, norm and activation."""

    channels: Channels = 32
    kernel: Literal[1, 3, 5, 7] = 3
    stride: Literal[1, 2, 4] = 2


class Stage(Model):
    """`repeats` blocks of one shape; the first one strides, and changes the channels."""

    block: Literal["mbconv"] = "mbconv"
    kernel: Literal[1, 3, 5, 7, 9] = 3
    stride: Literal[1, 2] = 1
    expand: Annotated[int, Field(ge=1, le=16)] = 6
    repeats: Annotated[int, Field(ge=1, le=10_000)] = 1
    channels: Channels
    se: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Squeeze-excitation width relative to the block's input channels; 0 leaves it out."""


class Architecture(Model):
    """A realised network: every stage's repeats and channels, and the input resolution."""

    family: Literal["mbconv"] = "mbconv"
    resolution: Resolution
    in_channels: Annotated[int, Field(ge=1, le=1_024)] = 3
    num_classes: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    stem: Stem = Stem()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=100)]
    head: Channels = 1280

    @property
    def id(self) -> str:
        """The identity of the realised network, resolution included."""
        return digest(self)

    @property
    def total_stride(self) -> int:
        """How many input pixels lie under one pixel of the last feature map."""
        stride = int(self.stem.stride)
        for stage in self.stages:
            stride *= stage.stride
        return stride

    @property
    def depth(self) -> int:
        """The number of blocks over all stages."""
        return sum(stage.repeats for stage in self.stages)


class Rounding(Model):
    """How real numbers become layers, channels and pixels.

    The defaults are the official ones (tensorflow/tpu efficientnet_model.py: round_filters and
    round_repeats).
    """

    depth: Literal["ceil", "round"] = "ceil"
    channels: Annotated[int, Field(ge=1, le=256)] = 8
    """Channels become multiples of this."""
    resolution: Annotated[int, Field(ge=1, le=256)] = 1
    """Scaled resolutions become multiples of this."""
    max_resolution: Resolution | None = None


class Cost(Model):
    """Exact counts of one network; MACs and activations for one image, forward.

    MACs are multiplications of convolutions and linear layers without biases; activations are
    the elements of all convolution outputs (Dollar et al. 2021).
    """

    params: int
    macs: int
    activations: int

    @property
    def state_bytes(self) -> int:
        """Bytes of float32 weights, gradients, two optimiser slots and the averaged weights."""
        return 20 * self.params

    @property
    def image_bytes(self) -> int:
        """Estimated bytes kept for backward per image: conv, norm and activation outputs."""
        return 12 * self.activations


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

    architecture: Architecture
    cost: Cost
    ratio: float
    """Realised cost over the baseline's, in the unit that the budget binds."""
    roles: tuple[Role, ...]
    coefficients: Coefficients
    """One triple that scales the baseline to exactly this network at phi = 1."""
    triples: tuple[Coefficients, ...] = ()
    """The points of the design that became this network, as the design named them."""
    shares: Shares | None = None
    """Where the realised network lies on the simplex; None for the baseline."""

    @property
    def id(self) -> str:
        """The architecture's identity."""
        return self.architecture.id
