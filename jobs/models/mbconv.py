"""The MBConv family: stem, inverted bottlenecks with squeeze-excitation, head.

Numerics follow the released code: batch norm epsilon 1e-3, SiLU, squeeze relative to the block's
input, no activation after the projection, residual only where shapes agree.
"""

import torch
from torch import Tensor, nn

from jobs.complexity import squeeze_channels
from schemas.architecture import Architecture, Stage

NORM_EPSILON = 1e-3


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, SiLU."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        *,
        momentum: float,
        activate: bool = True,
    ) -> None:
        conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
        norm = nn.BatchNorm2d(cout, eps=NORM_EPSILON, momentum=momentum)
        super().__init__(conv, norm, *([nn.SiLU(inplace=True)] if activate else []))


class SqueezeExcite(nn.Module):
    """Channel gates from the pooled map: reduce, SiLU, expand, sigmoid."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Gate (N, C, H, W) by channel."""
        pooled = x.mean((2, 3), keepdim=True)
        gate = self.expand(nn.functional.silu(self.reduce(pooled)))
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
        self, stage: Stage, cin: int, stride: int, *, survival: float, momentum: float
    ) -> None:
        super().__init__()
        wide, cout = cin * stage.expand, stage.channels
        layers: list[nn.Module] = []
        if stage.expand > 1:
            layers.append(ConvNorm(cin, wide, 1, momentum=momentum))
        layers.append(ConvNorm(wide, wide, stage.kernel, stride, wide, momentum=momentum))
        if stage.se:
            layers.append(SqueezeExcite(wide, squeeze_channels(cin, stage.se)))
        layers.append(ConvNorm(wide, cout, 1, momentum=momentum, activate=False))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and cin == cout
        self.drop = StochasticDepth(survival if self.residual else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, channels, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.layers(x)
        return x + self.drop(y) if self.residual else y


class MBConvNet(nn.Module):
    """A whole network of the family: (N, in_channels, R, R) to logits (N, num_classes)."""

    def __init__(
        self, architecture: Architecture, *, survival: float, dropout: float, momentum: float
    ) -> None:
        super().__init__()
        stem, channels = architecture.stem, architecture.stem.channels
        self.stem = ConvNorm(
            architecture.in_channels, channels, stem.kernel, stem.stride, momentum=momentum
        )
        self.blocks = nn.Sequential(*_blocks(architecture, survival, momentum))
        self.head = ConvNorm(
            architecture.stages[-1].channels, architecture.head, 1, momentum=momentum
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(architecture.head, architecture.num_classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes) of images (N, in_channels, R, R)."""
        features = self.head(self.blocks(self.stem(x)))
        logits: Tensor = self.classifier(self.dropout(features.mean((2, 3))))
        return logits


def _blocks(architecture: Architecture, survival: float, momentum: float) -> list[MBConv]:
    """Build every block; block i of n survives with 1 - (1 - survival) * i / n."""
    blocks: list[MBConv] = []
    channels, total = architecture.stem.channels, architecture.depth
    for stage in architecture.stages:
        for repeat in range(stage.repeats):
            alive = 1 - (1 - survival) * len(blocks) / total
            stride = stage.stride if repeat == 0 else 1
            block = MBConv(stage, channels, stride, survival=alive, momentum=momentum)
            blocks.append(block)
            channels = stage.channels
    return blocks


def initialise(module: nn.Module) -> None:
    """Initialise one layer as the released code does: by fan-out, biases at zero."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=(2.0 * module.groups / fan_out) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        bound = module.out_features**-0.5
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)
