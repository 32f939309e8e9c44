"""MobileNetV2 as data (Sandler et al. 2018, Table 2): inverted bottlenecks, 1280 at the end.

The last convolution keeps at least its 1280 channels at any width.
"""

from compound.schemas.architecture import Architecture
from compound.schemas.stages import Stage, Stem

V2 = Architecture(
    family="mobilenet-v2",
    resolution=224,
    stem=Stem(channels=32, kernel=3, stride=2),
    stages=(
        Stage(expand=1, channels=16, se=0),
        Stage(stride=2, repeats=2, channels=24, se=0),
        Stage(stride=2, repeats=3, channels=32, se=0),
        Stage(stride=2, repeats=4, channels=64, se=0),
        Stage(repeats=3, channels=96, se=0),
        Stage(stride=2, repeats=3, channels=160, se=0),
        Stage(channels=320, se=0),
    ),
    head=1280,
)
