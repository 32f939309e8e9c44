"""The blocks that families share: convolution with norm, gates, inverted and plain residuals.

Convolutions pad as jobs/networks/padding.py says; no activation follows a projection.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from compound.jobs.models.numerics import Numerics
from compound.jobs.networks.block_counts import residual_convolutions, squeeze_channels
from compound.schemas.stages import BasicStage, BottleneckStage, SeparableStage, Stage


class BlockInput(NamedTuple):
    """What a block is built on, beside its stage."""

    channels: int
    """Of the last feature map."""
    before: int
    """Channels of the map before it, which cells read too."""
    halved: bool
    """A stride lies between these two maps."""
    stride: int
    """Of this block."""
    survival: float
    """The probability that stochastic depth keeps the block's branches."""
    numerics: Numerics


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, by default, the family's activation."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        *,
        numerics: Numerics,
        activate: bool = True,
    ) -> None:
        conv = numerics.conv(cin, cout, kernel, stride, groups)
        super().__init__(conv, numerics.norm(cout), *([numerics.activated()] if activate else []))


class SqueezeExcite(nn.Module):
    """Channel gates from the pooled map: reduce, activate, expand, sigmoid."""

    def __init__(self, channels: int, squeezed: int, numerics: Numerics) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.activation = numerics.activated()
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Gate (N, C, H, W) by channel."""
        pooled = x.mean((2, 3), keepdim=True)
        gate = self.expand(self.activation(self.reduce(pooled)))
        gated: Tensor = x * gate.sigmoid()
        return gated


class StochasticDepth(nn.Module):
    """Drops a residual branch per image, and rescales the remaining ones (Huang et al. 2016)."""

    def __init__(self, survival: float) -> None:
        super().__init__()
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        """Scale (N, C, H, W) by 0 or 1 / survival for each image; the identity in evaluation."""
        if not self.training or self.survival >= 1:
            return x
        keep = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device)
        return x * keep.bernoulli_(self.survival).div_(self.survival)


class MBConv(nn.Module):
    """Inverted bottleneck: expand, depthwise, squeeze-excite, project."""

    def __init__(self, stage: Stage, inputs: BlockInput) -> None:
        super().__init__()
        cin, stride, numerics = inputs.channels, inputs.stride, inputs.numerics
        wide, cout = cin * stage.expand, stage.channels
        layers: list[nn.Module] = []
        if stage.expand > 1:
            layers.append(ConvNorm(cin, wide, 1, numerics=numerics))
        layers.append(ConvNorm(wide, wide, stage.kernel, stride, wide, numerics=numerics))
        if stage.se:
            layers.append(SqueezeExcite(wide, squeeze_channels(cin, stage.se), numerics))
        layers.append(ConvNorm(wide, cout, 1, numerics=numerics, activate=False))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and cin == cout
        self.drop = StochasticDepth(inputs.survival if self.residual else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.layers(x)
        return x + self.drop(y) if self.residual else y


class Separable(nn.Module):
    """Depthwise, then pointwise convolution, without a skip."""

    def __init__(self, stage: SeparableStage, inputs: BlockInput) -> None:
        super().__init__()
        cin, stride, numerics = inputs.channels, inputs.stride, inputs.numerics
        self.layers = nn.Sequential(
            ConvNorm(cin, cin, stage.kernel, stride, cin, numerics=numerics),
            ConvNorm(cin, stage.channels, 1, numerics=numerics, activate=stage.activate),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.layers(x)
        return y


class Residual(nn.Module):
    """ResNet's blocks: two convolutions, or a bottleneck of three; activation after the sum."""

    def __init__(self, stage: BasicStage | BottleneckStage, inputs: BlockInput) -> None:
        super().__init__()
        cin, stride, numerics = inputs.channels, inputs.stride, inputs.numerics
        *first, last = residual_convolutions(stage, cin, stride)
        convs = [ConvNorm(*conv, numerics=numerics) for conv in first]
        self.layers = nn.Sequential(*convs, ConvNorm(*last, numerics=numerics, activate=False))
        cout = stage.out_channels
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or cin != cout:
            self.shortcut = ConvNorm(cin, cout, 1, stride, numerics=numerics, activate=False)
        self.drop = StochasticDepth(inputs.survival)
        self.activation = numerics.activated()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.activation(self.shortcut(x) + self.drop(self.layers(x)))
        return y
