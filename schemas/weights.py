"""The weights that training starts from, where it does not start from random ones."""

from typing import Annotated, Literal

from pydantic import Field

from compound.schemas.base import Model
from compound.schemas.store_uri import UserPath


class Weights(Model):
    """A file of weights for the very network that is trained."""

    path: UserPath
    """A .safetensors or .pth file, in torchvision's, timm's or our own naming."""
    classifier: Literal["keep", "new"] = "keep"
    """`new` starts the classifier at random, for other classes than the file's."""
    norm_epsilon: Annotated[float, Field(gt=0, le=1)] | None = None
    """Batch norm's epsilon that the weights were trained with, where it is not the usual one of
    their naming; null: the usual one. With `padding: same` timm's tf_ networks have 1e-3."""


class WeightsRef(Model):
    """The weights of a job: how to read them, and the digest that they must have."""

    spec: Weights
    sha256: str
    """Of the whole file, as 64 hex digits."""
