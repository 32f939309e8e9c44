"""The stages that a network is made of, one class a block.

Beside its fields, each class states facts about its block as class attributes. Counting, scaling,
building and naming read these facts, and never compare names of blocks. Class attributes are in
no JSON and in no identity. A new block is a class here, a row in jobs/networks/block_counts.py and
a row in jobs/models/builders.py; a test fails where one of the three is missing.

- `activated`: an activation ends the block.
- `preactivated`: an activation stands in front of every convolution of the block.
- `reads_two`: the block reads the last two feature maps, not the last one alone.
- `repeatable`: depth multiplies its repeats.
- `layers`: what the block's weights belong to, in order; foreign names are made from them.
"""

from operator import not_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from compound.schemas.base import Model

Channels = Annotated[int, Field(ge=1, le=65_536)]
Kernel = Literal[1, 3, 5, 7, 9]
Repeats = Annotated[int, Field(ge=1, le=10_000)]
Expand = Annotated[int, Field(ge=1, le=16)]

LayerKind = Literal["expand", "depthwise", "gate", "project", "residual", "cell"]


class Stem(Model):
    """The first convolution: a plain kernel x kernel conv, norm and activation."""

    channels: Channels = 32
    """Output channels."""
    kernel: Literal[1, 3, 5, 7] = 3
    """Side of the kernel."""
    stride: Literal[1, 2, 4] = 2
    """Stride: 2 halves the side of the map."""
    pool: Annotated[bool, Field(exclude_if=not_)] = False
    """A 3x3 max pool of stride 2 behind it."""


# The stage classes repeat fields instead of inheriting them: inherited fields come first in JSON,
# and stored documents have the order below.


class Stage(Model):
    """`repeats` blocks of one shape; the first one strides, and changes the channels."""

    activated: ClassVar[bool] = False
    preactivated: ClassVar[bool] = False
    reads_two: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True

    block: Literal["mbconv"] = "mbconv"
    """Inverted residual blocks with squeeze-excitation (MobileNetV2, EfficientNet)."""
    kernel: Kernel = 3
    """Side of the depthwise kernel."""
    stride: Literal[1, 2] = 1
    """Stride of the first block."""
    expand: Expand = 6
    """Channels inside a block over those of its input."""
    repeats: Repeats = 1
    """Blocks; depth multiplies them."""
    channels: Channels
    """Output channels; width multiplies them."""
    se: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Squeeze-excitation width relative to the block's input channels; 0 leaves it out."""

    @property
    def out_channels(self) -> int:
        """The channels that leave the stage."""
        return self.channels

    @property
    def layers(self) -> tuple[LayerKind, ...]:
        """Expand where it widens, depthwise, gate where there is one, project."""
        expand: tuple[LayerKind, ...] = ("expand",) if self.expand > 1 else ()
        gate: tuple[LayerKind, ...] = ("gate",) if self.se else ()
        return (*expand, "depthwise", *gate, "project")


class SeparableStage(Model):
    """Depthwise and pointwise convolutions without a skip (MobileNetV1)."""

    preactivated: ClassVar[bool] = False
    reads_two: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True
    layers: ClassVar[tuple[LayerKind, ...]] = ("depthwise", "project")

    block: Literal["separable"]
    """Depthwise separable convolutions."""
    kernel: Kernel = 3
    """Side of the depthwise kernel."""
    stride: Literal[1, 2] = 1
    """Stride of the first block."""
    repeats: Repeats = 1
    """Blocks; depth multiplies them."""
    channels: Channels
    """Output channels; width multiplies them."""
    activate: bool = True
    """An activation behind the pointwise convolution too."""

    @property
    def out_channels(self) -> int:
        """The channels that leave the stage."""
        return self.channels

    @property
    def activated(self) -> bool:
        """Whether an activation ends the block: the stage says so itself."""
        return self.activate


class BasicStage(Model):
    """Residual blocks of two convolutions (ResNet-18)."""

    activated: ClassVar[bool] = True
    preactivated: ClassVar[bool] = False
    reads_two: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True
    layers: ClassVar[tuple[LayerKind, ...]] = ("residual",) * 2
    strides_at: ClassVar[int] = 0
    """Which of the convolutions strides."""

    block: Literal["basic"]
    """Residual blocks of two convolutions."""
    kernel: Kernel = 3
    """Side of both kernels."""
    stride: Literal[1, 2] = 1
    """Stride of the first block."""
    repeats: Repeats = 1
    """Blocks; depth multiplies them."""
    channels: Channels
    """Output channels; width multiplies them."""

    @property
    def out_channels(self) -> int:
        """The channels that leave the stage."""
        return self.channels

    @property
    def kernels(self) -> tuple[int, ...]:
        """The kernels of the convolutions, in order."""
        return (self.kernel, self.kernel)


class BottleneckStage(Model):
    """Residual blocks of 1x1, kernel x kernel and 1x1; the middle one strides (ResNet-50 v1.5)."""

    activated: ClassVar[bool] = True
    preactivated: ClassVar[bool] = False
    reads_two: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True
    layers: ClassVar[tuple[LayerKind, ...]] = ("residual",) * 3
    strides_at: ClassVar[int] = 1
    """Which of the convolutions strides."""

    block: Literal["bottleneck"]
    """Residual blocks of three convolutions."""
    kernel: Kernel = 3
    """Side of the middle kernel."""
    stride: Literal[1, 2] = 1
    """Stride of the first block."""
    expand: Expand = 4
    """Output channels over those of the middle convolution, which `channels` counts."""
    repeats: Repeats = 1
    """Blocks; depth multiplies them."""
    channels: Channels
    """Channels of the middle convolution; width multiplies them."""

    @property
    def out_channels(self) -> int:
        """The channels that leave the stage."""
        return self.channels * self.expand

    @property
    def kernels(self) -> tuple[int, ...]:
        """The kernels of the convolutions, in order."""
        return (1, self.kernel, 1)


class NormalCellStage(Model):
    """AmoebaNet-D's normal cells: four states of `channels` each, concatenated."""

    activated: ClassVar[bool] = False
    preactivated: ClassVar[bool] = True
    reads_two: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    layers: ClassVar[tuple[LayerKind, ...]] = ("cell",)

    block: Literal["normal-cell"]
    """AmoebaNet-D's normal cells."""
    stride: Literal[1] = 1
    """Always 1: normal cells keep the side of the map."""
    repeats: Repeats = 1
    """Cells; depth multiplies them."""
    channels: Channels
    """Channels of each of the four states; width multiplies them."""

    @property
    def out_channels(self) -> int:
        """The channels that leave the stage."""
        return 4 * self.channels


class ReductionCellStage(Model):
    """AmoebaNet-D's reduction cell, always a single one: three states, at half the side."""

    activated: ClassVar[bool] = False
    preactivated: ClassVar[bool] = True
    reads_two: ClassVar[bool] = True
    repeatable: ClassVar[bool] = False
    layers: ClassVar[tuple[LayerKind, ...]] = ("cell",)

    block: Literal["reduction-cell"]
    """AmoebaNet-D's reduction cell."""
    stride: Literal[2] = 2
    """Always 2: the cell halves the side of the map."""
    repeats: Literal[1] = 1
    """Always 1."""
    channels: Channels
    """Channels of each of the three states; width multiplies them."""

    @property
    def out_channels(self) -> int:
        """The channels that leave the stage."""
        return 3 * self.channels


def _block(value: Any) -> Any:
    """Name the member of the union that a stage belongs to; `mbconv` where it does not say."""
    return value.get("block", "mbconv") if isinstance(value, dict) else getattr(value, "block", "")


AnyStage = Annotated[
    Annotated[Stage, Tag("mbconv")]
    | Annotated[SeparableStage, Tag("separable")]
    | Annotated[BasicStage, Tag("basic")]
    | Annotated[BottleneckStage, Tag("bottleneck")]
    | Annotated[NormalCellStage, Tag("normal-cell")]
    | Annotated[ReductionCellStage, Tag("reduction-cell")],
    Discriminator(_block),
]


Stages = Annotated[tuple[AnyStage, ...], Field(min_length=1, max_length=100)]
