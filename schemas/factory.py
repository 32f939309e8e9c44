"""A network of the user's own: what a function of theirs built at one scaling, as it was counted.

The value says everything that plans, reports and predictions need, so they read it without the
user's code. Only what builds the network again imports that.
"""

from typing import Annotated, Any

from pydantic import Field

from compound.schemas.base import Model
from compound.schemas.device import Workload

FACTORY_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"

FactoryName = Annotated[str, Field(pattern=FACTORY_PATTERN, max_length=500)]
"""`package.module:function`."""


class Realised(Model):
    """What identifies a network that was built: a digest of its layers and the flow of tensors."""

    shapes: str


class FactoryNetwork(Model):
    """One network that a factory built. Two multipliers that build the same are one network."""

    factory: FactoryName
    depth: Annotated[float, Field(gt=0)]
    """The multiplier that the factory was given; so is `width`."""
    width: Annotated[float, Field(gt=0)]
    resolution: int
    num_classes: int
    in_channels: int
    workload: Workload
    shapes: str
    """A digest of every layer with its settings, and of every operation with its shapes."""

    @property
    def id(self) -> str:
        """The identity of what was built, resolution included, however it was asked for."""
        return self.shapes

    @property
    def realised(self) -> Realised:
        """What decides the numbers of a training."""
        return Realised(shapes=self.shapes)

    @property
    def total_stride(self) -> int:
        """1: strides are the factory's affair, and it refuses what it cannot take."""
        return 1

    def __eq__(self, other: Any) -> bool:
        """Whether the other network is the same, whatever multipliers led to it."""
        return isinstance(other, FactoryNetwork) and self.shapes == other.shapes

    def __hash__(self) -> int:
        return hash(self.shapes)
