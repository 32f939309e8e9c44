"""ResNet as data (He et al. 2016): version 1.5, which strides in the 3x3 convolution.

`channels` counts the middle convolution of a bottleneck; its output has four times as many. Width
scales every stage and the stem.
"""

from typing import Literal

from compound.schemas.architecture import Architecture
from compound.schemas.stages import BasicStage, BottleneckStage, Stem

_CHANNELS = (64, 128, 256, 512)
_STRIDES: tuple[Literal[1, 2], ...] = (1, 2, 2, 2)

BASIC = {"resnet-18": (2, 2, 2, 2), "resnet-34": (3, 4, 6, 3)}
BOTTLENECK = {
    "resnet-50": (3, 4, 6, 3),
    "resnet-101": (3, 4, 23, 3),
    "resnet-152": (3, 8, 36, 3),
    "resnet-200": (3, 24, 36, 3),
}


def named(name: str) -> Architecture:
    """Return the ResNet of that name. KeyError: there is none."""
    stages = _basic(BASIC[name]) if name in BASIC else _bottleneck(BOTTLENECK[name])
    stem = Stem(channels=64, kernel=7, stride=2, pool=True)
    return Architecture(family="resnet", resolution=224, stem=stem, stages=stages, head=0)


def _basic(repeats: tuple[int, ...]) -> tuple[BasicStage, ...]:
    shapes = zip(_STRIDES, repeats, _CHANNELS, strict=True)
    return tuple(BasicStage(block="basic", stride=s, repeats=r, channels=c) for s, r, c in shapes)


def _bottleneck(repeats: tuple[int, ...]) -> tuple[BottleneckStage, ...]:
    shapes = zip(_STRIDES, repeats, _CHANNELS, strict=True)
    return tuple(
        BottleneckStage(block="bottleneck", stride=s, repeats=r, channels=c) for s, r, c in shapes
    )
