"""The network that a study starts from: a named one, or the user's own as data or as code."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag

from compound.schemas.architecture import BlockFamily, Head, Padding, Resolution
from compound.schemas.base import Model
from compound.schemas.factory import FactoryName
from compound.schemas.stages import Stages, Stem

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
"""The networks of `baseline.name` and `compound count`; jobs/networks/named.py defines them."""


class NamedBaseline(Model):
    """A network that the paper names; its classes and channels follow the data."""

    name: NetworkName
    """A network of `compound models`."""
    resolution: Resolution | None = None
    """Pixels on a side of its input; null: the network's own."""
    padding: Padding = "half"
    """Padding of convolutions and pools: `half` a kernel on every side, as torch does, or `same`,
    as TensorFlow does."""


class CustomBaseline(Model):
    """A small network of the user's own, as data."""

    family: BlockFamily = "mbconv"
    """Whose activation, norm and first weights the network has, and how its stem and head scale."""
    resolution: Resolution
    """Pixels on a side of its input."""
    stem: Stem = Stem()
    """The first convolution."""
    stages: Stages
    """The blocks, from input to output."""
    head: Head = 1280
    """Channels of the 1x1 convolution before pooling; 0 leaves it out."""
    padding: Padding = "half"
    """Padding of convolutions and pools: `half` a kernel on every side, as torch does, or `same`,
    as TensorFlow does."""


class FactoryBaseline(Model):
    """A network that the user's function builds; its code runs only with `--allow-import`."""

    factory: FactoryName
    """`package.module:function`, called with depth, width, resolution, num_classes and in_channels;
    returns the nn.Module."""
    resolution: Resolution
    """Pixels on a side of its input."""


def _baseline_tag(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(type(value), "model_fields", {})
    return "named" if "name" in keys else "factory" if "factory" in keys else "custom"


def _no_bare_name(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"a network's name goes under `name`: {{name: {value}}}")
    return value


Baseline = Annotated[
    Annotated[NamedBaseline, Tag("named")]
    | Annotated[FactoryBaseline, Tag("factory")]
    | Annotated[CustomBaseline, Tag("custom")],
    Discriminator(_baseline_tag),
    BeforeValidator(_no_bare_name),
]
