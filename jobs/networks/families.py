"""What tells families of networks apart beside their blocks: a row a family. No torch.

Epsilon, momentum and activation are those of the weights that people start from: the released
code of EfficientNet and AmoebaNet-D, torchvision for the others.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from compound.schemas.architecture import BlockFamily

Activation = Literal["silu", "relu", "relu6"]


class Family(NamedTuple):
    """How the layers of a family compute, how their weights start, and how its ends scale."""

    activation: Activation
    epsilon: float
    """Added to the variance in batch norm."""
    momentum: float
    """The weight of the newest batch in the running statistics."""
    grouped: bool
    """Fan-out counts the outputs of one group: depthwise weights start larger."""
    classifier: Literal["uniform", "normal", "fan-in"]
    """Uniform by fan-out; normal of deviation 0.01; torch's own, by fan-in."""
    scales_stem: bool = True
    """Width scales the channels of the stem."""
    head: Literal["scaled", "fixed", "never smaller"] = "scaled"
    """What width does to the channels of the last convolution."""

    @property
    def keeps_result(self) -> bool:
        """Whether autograd saves an activation's result: of ReLU only, else its input."""
        return self.activation == "relu"


FAMILIES: dict["BlockFamily", Family] = {
    "mbconv": Family("silu", 1e-3, 0.01, True, "uniform"),
    "mobilenet-v1": Family("relu6", 1e-5, 0.1, True, "uniform"),
    "mobilenet-v2": Family("relu6", 1e-5, 0.1, False, "normal", head="never smaller"),
    "mnasnet": Family("relu", 1e-5, 3e-4, True, "uniform", head="fixed"),
    "resnet": Family("relu", 1e-5, 0.1, False, "fan-in"),
    # AmoebaNet's stem does not belong to its filters F.
    "amoebanet": Family("relu", 1e-5, 0.1, False, "fan-in", scales_stem=False),
}
