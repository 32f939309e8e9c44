"""A small residual network that `factory.yaml` scales: depth in blocks, width in channels."""

from torch import Tensor, nn
from torch.nn import functional

BLOCKS = (1, 2)
CHANNELS = (8, 16)


def build(
    *, depth: float, width: float, resolution: int, num_classes: int, in_channels: int
) -> nn.Module:
    """Build the network; how real multipliers become whole blocks and channels is decided here."""
    channels = [round(wide * width) for wide in CHANNELS]
    layers: list[nn.Module] = [conv(in_channels, channels[0]), nn.ReLU()]
    before = channels[0]
    for stage, (blocks, wide) in enumerate(zip(BLOCKS, channels, strict=True)):
        for block in range(round(blocks * depth)):
            stride = 2 if stage and not block else 1
            layers.append(Block(before, wide, stride))
            before = wide
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, num_classes)
    )


def conv(before: int, channels: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution and its norm."""
    weights = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
    return nn.Sequential(weights, nn.BatchNorm2d(channels))


class Block(nn.Module):
    """Two convolutions beside a shortcut, which pools and pads with zeros where shapes change."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride, self.extra = stride, channels - before
        self.first, self.second = conv(before, channels, stride), conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the block's channels, at 1 / stride of the side."""
        straight = functional.avg_pool2d(x, self.stride, ceil_mode=True)
        straight = functional.pad(straight, (0, 0, 0, 0, 0, self.extra))
        return functional.relu(straight + self.second(functional.relu(self.first(x))))
