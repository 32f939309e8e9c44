"""A user's own network: what their function built at one scaling, and the counts of it.

Plans, reports and predictions read this value and need no user code. Only building the network
again imports that code.
"""

from typing import Annotated, Any

from pydantic import Field

from compound.schemas.base import Model
from compound.schemas.machine.device import Workload

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
    """The multiplier that the factory was called with, like `width`."""
    width: Annotated[float, Field(gt=0)]
    resolution: int
    num_classes: int
    in_channels: int
    workload: Workload
    shapes: str
    """A digest of every layer with its settings, and of every operation with its shapes."""

    @property
    def id(self) -> str:
        """The identity of what was built, resolution included, whatever the multipliers were."""
        return self.shapes

    @property
    def realised(self) -> Realised:
        """What decides the numbers of a training."""
        return Realised(shapes=self.shapes)

    @property
    def total_stride(self) -> int:
        """1: the strides are unknown; the factory itself refuses resolutions that do not fit."""
        return 1

    def __eq__(self, network: Any) -> bool:
        """Whether both are the same network, whatever the multipliers were."""
        return isinstance(network, FactoryNetwork) and self.shapes == network.shapes

    def __hash__(self) -> int:
        return hash(self.shapes)
