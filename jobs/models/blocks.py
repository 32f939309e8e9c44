"""The blocks that families share: convolution with norm, gates, inverted and plain residuals.

Convolutions pad k // 2 on both sides; no activation follows a projection.
"""

import torch
from torch import Tensor, nn

from compound.jobs.models.numerics import Numerics
from compound.jobs.networks.exact_cost import squeeze_channels
from compound.schemas.architecture import BasicStage, BottleneckStage, SeparableStage, Stage


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, the family's activation."""

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
        conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
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
    """Drops a residual branch per image, and rescales the ones that survive (Huang et al. 2016)."""

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

    def __init__(
        self, stage: Stage, cin: int, stride: int, *, survival: float, numerics: Numerics
    ) -> None:
        super().__init__()
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
        self.drop = StochasticDepth(survival if self.residual else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.layers(x)
        return x + self.drop(y) if self.residual else y


class Separable(nn.Module):
    """Depthwise, then pointwise convolution, without a skip."""

    def __init__(self, stage: SeparableStage, cin: int, stride: int, *, numerics: Numerics) -> None:
        super().__init__()
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

    def __init__(
        self,
        stage: BasicStage | BottleneckStage,
        cin: int,
        stride: int,
        *,
        survival: float,
        numerics: Numerics,
    ) -> None:
        super().__init__()
        inner, cout, kernel = stage.channels, stage.out_channels, stage.kernel
        if stage.block == "basic":
            shapes = [(cin, inner, kernel, stride), (inner, cout, kernel, 1)]
        else:
            shapes = [(cin, inner, 1, 1), (inner, inner, kernel, stride), (inner, cout, 1, 1)]
        convs = [ConvNorm(*shape, numerics=numerics) for shape in shapes[:-1]]
        self.layers = nn.Sequential(
            *convs, ConvNorm(*shapes[-1], numerics=numerics, activate=False)
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or cin != cout:
            self.shortcut = ConvNorm(cin, cout, 1, stride, numerics=numerics, activate=False)
        self.drop = StochasticDepth(survival)
        self.activation = numerics.activated()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.activation(self.shortcut(x) + self.drop(self.layers(x)))
        return y
