"""The torch side of a family (jobs/networks/families.py): activation, norm, initial weights."""

from functools import partial
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from compound.jobs.models.same_padding import SameAvgPool2d, SameConv2d, SameMaxPool2d
from compound.jobs.networks.families import FAMILIES, Activation
from compound.schemas.architecture import BlockFamily


class Numerics(NamedTuple):
    """How the layers of a network compute, and how their weights start."""

    activation: type[nn.SiLU | nn.ReLU | nn.ReLU6]
    epsilon: float
    momentum: float
    grouped: bool
    classifier: Literal["uniform", "normal", "fan-in"]
    padding: Literal["half", "same"] = "half"
    drawn: Literal["family", "torch"] = "family"
    """Whether `initialise` draws the first weights, or each layer as torch has it."""

    def conv(
        self, cin: int, cout: int, kernel: int | tuple[int, int], stride: int = 1, groups: int = 1
    ) -> nn.Conv2d:
        """Return a convolution without biases, padded as the network pads."""
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        kind = nn.Conv2d if self.padding == "half" else SameConv2d
        around = (height // 2, width // 2)
        return kind(cin, cout, (height, width), stride, around, groups=groups, bias=False)

    def max_pool(self, kernel: int, stride: int) -> nn.Module:
        """Return a max pool to ceil(side / stride) pixels."""
        if self.padding == "same":
            return SameMaxPool2d(kernel, stride)
        odd = kernel % 2 == 1
        return nn.MaxPool2d(kernel, stride, kernel // 2 if odd else 0, ceil_mode=not odd)

    def avg_pool(self, kernel: int, stride: int) -> nn.Module:
        """Return an average pool of an odd kernel; what lies outside the map does not count."""
        if self.padding == "same":
            return SameAvgPool2d(kernel, stride)
        return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)

    def activated(self) -> nn.Module:
        """Return the activation that follows a convolution, in place where that saves a copy.

        The gradient of SiLU needs its input: in place it would clone that first.
        """
        return self.activation(inplace=self.activation is not nn.SiLU)

    def norm(self, channels: int) -> "BatchNorm":
        """Return the batch norm of so many channels."""
        return BatchNorm(channels, eps=self.epsilon, momentum=self.momentum)


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that does not count its batches: the training loop does, for all norms at once.

    torch's own adds one to a counter in every forward, which is an operation more for each norm.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum or 0.0,
            self.eps,
        )


_ACTIVATIONS: dict[Activation, type[nn.SiLU | nn.ReLU | nn.ReLU6]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
}

NUMERICS: dict[BlockFamily, Numerics] = {
    name: Numerics(
        _ACTIVATIONS[family.activation],
        family.epsilon,
        family.momentum,
        family.grouped,
        family.classifier,
    )
    for name, family in FAMILIES.items()
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
