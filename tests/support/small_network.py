"""The small network that several benchmarks train."""

from compound.schemas.architecture import Architecture
from compound.schemas.stages import Stage, Stem

SMALL = Architecture(
    resolution=32,
    num_classes=10,
    stem=Stem(channels=16),
    stages=(
        Stage(channels=16, expand=1),
        Stage(channels=24, expand=4, stride=2, repeats=2),
        Stage(channels=40, expand=4, stride=2, repeats=2),
    ),
    head=128,
)
