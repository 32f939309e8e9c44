"""MobileNetV1 as data (Howard et al. 2017, Table 1): separable convolutions, no head."""

from compound.schemas.architecture import Architecture
from compound.schemas.stages import SeparableStage, Stem

V1 = Architecture(
    family="mobilenet-v1",
    resolution=224,
    stem=Stem(channels=32, kernel=3, stride=2),
    stages=(
        SeparableStage(block="separable", channels=64),
        SeparableStage(block="separable", stride=2, repeats=2, channels=128),
        SeparableStage(block="separable", stride=2, repeats=2, channels=256),
        SeparableStage(block="separable", stride=2, repeats=6, channels=512),
        SeparableStage(block="separable", stride=2, repeats=2, channels=1024),
    ),
    head=0,
)
