"""What the references of each family agree on beside shapes: activation, norm, initialisation.

Epsilon, momentum and activation are those of the weights that people start from: the released
code of EfficientNet and AmoebaNet-D, torchvision for the others.
"""

from functools import partial
from typing import Literal, NamedTuple

from torch import nn

from schemas.architecture import BlockFamily


class Numerics(NamedTuple):
    """How the layers of a network compute, and how their weights start."""

    activation: type[nn.SiLU | nn.ReLU | nn.ReLU6]
    epsilon: float
    """Added to the variance in batch norm."""
    momentum: float
    """The weight of the newest batch in the running statistics."""
    grouped: bool
    """Fan-out counts the outputs of one group: depthwise weights start larger."""
    classifier: Literal["uniform", "normal", "fan-in"]
    """Uniform by fan-out; normal of deviation 0.01; torch's own, by fan-in."""


NUMERICS: dict[BlockFamily, Numerics] = {
    "mbconv": Numerics(nn.SiLU, 1e-3, 0.01, True, "uniform"),
    "mobilenet-v1": Numerics(nn.ReLU6, 1e-5, 0.1, True, "uniform"),
    "mobilenet-v2": Numerics(nn.ReLU6, 1e-5, 0.1, False, "normal"),
    "mnasnet": Numerics(nn.ReLU, 1e-5, 3e-4, True, "uniform"),
    "resnet": Numerics(nn.ReLU, 1e-5, 0.1, False, "fan-in"),
    "amoebanet": Numerics(nn.ReLU, 1e-5, 0.1, False, "fan-in"),
}


def initialise(network: nn.Module, numerics: Numerics) -> None:
    """Draw all weights anew: convolutions by fan-out, biases at zero, norms as torch does.

    On the meta device there is nothing to draw, and torch would take a second to prepare for it.
    """
    if next(network.parameters()).is_meta:
        return
    network.apply(partial(_initialise, numerics=numerics))


def _initialise(module: nn.Module, numerics: Numerics) -> None:
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        groups = module.groups if numerics.grouped else 1
        nn.init.normal_(module.weight, std=(2.0 * groups / fan_out) ** 0.5)
    elif isinstance(module, nn.Linear):
        _initialise_classifier(module, numerics)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _initialise_classifier(module: nn.Linear, numerics: Numerics) -> None:
    if numerics.classifier == "normal":
        nn.init.normal_(module.weight, std=0.01)
    else:
        uniform = numerics.classifier == "uniform"
        fan = module.out_features if uniform else module.in_features
        nn.init.uniform_(module.weight, -(fan**-0.5), fan**-0.5)
