"""MnasNet as data (Tan et al. 2019): A1, found with squeeze-excitation, and B1, without.

The first blocks never skip, and the last convolution has 1280 channels at any width.
"""

from compound.schemas.architecture import Architecture
from compound.schemas.stages import SeparableStage, Stage, Stem

_FIRST = SeparableStage(block="separable", channels=16, activate=False)

A1 = Architecture(
    family="mnasnet",
    resolution=224,
    stem=Stem(channels=32, kernel=3, stride=2),
    stages=(
        _FIRST,
        Stage(kernel=3, stride=2, expand=6, repeats=2, channels=24, se=0),
        Stage(kernel=5, stride=2, expand=3, repeats=3, channels=40),
        Stage(kernel=3, stride=2, expand=6, repeats=4, channels=80, se=0),
        Stage(kernel=3, stride=1, expand=6, repeats=2, channels=112),
        Stage(kernel=5, stride=2, expand=6, repeats=3, channels=160),
        Stage(kernel=3, stride=1, expand=6, repeats=1, channels=320, se=0),
    ),
    head=1280,
)

B1 = Architecture(
    family="mnasnet",
    resolution=224,
    stem=Stem(channels=32, kernel=3, stride=2),
    stages=(
        _FIRST,
        Stage(kernel=3, stride=2, expand=3, repeats=3, channels=24, se=0),
        Stage(kernel=5, stride=2, expand=3, repeats=3, channels=40, se=0),
        Stage(kernel=5, stride=2, expand=6, repeats=3, channels=80, se=0),
        Stage(kernel=3, stride=1, expand=6, repeats=2, channels=96, se=0),
        Stage(kernel=5, stride=2, expand=6, repeats=4, channels=192, se=0),
        Stage(kernel=3, stride=1, expand=6, repeats=1, channels=320, se=0),
    ),
    head=1280,
)
