"""EfficientNet as data: B0 (Table 1) and the coefficients released for its variants.

The released coefficients are hand-rounded, not powers of alpha, beta and gamma
(tensorflow/tpu, efficientnet_builder.py).
"""

from typing import NamedTuple

from compound.jobs.networks.scaling import stretch
from compound.schemas.architecture import Architecture
from compound.schemas.stages import Stage, Stem


class Variant(NamedTuple):
    """Released multipliers of one EfficientNet, and its dropout rate."""

    width: float
    depth: float
    resolution: int
    dropout: float


VARIANTS = {
    "efficientnet-b0": Variant(1.0, 1.0, 224, 0.2),
    "efficientnet-b1": Variant(1.0, 1.1, 240, 0.2),
    "efficientnet-b2": Variant(1.1, 1.2, 260, 0.3),
    "efficientnet-b3": Variant(1.2, 1.4, 300, 0.3),
    "efficientnet-b4": Variant(1.4, 1.8, 380, 0.4),
    "efficientnet-b5": Variant(1.6, 2.2, 456, 0.4),
    "efficientnet-b6": Variant(1.8, 2.6, 528, 0.5),
    "efficientnet-b7": Variant(2.0, 3.1, 600, 0.5),
    "efficientnet-b8": Variant(2.2, 3.6, 672, 0.5),
    "efficientnet-l2": Variant(4.3, 5.3, 800, 0.5),
}

B0 = Architecture(
    resolution=224,
    stem=Stem(channels=32, kernel=3, stride=2),
    stages=(
        Stage(kernel=3, stride=1, expand=1, repeats=1, channels=16),
        Stage(kernel=3, stride=2, expand=6, repeats=2, channels=24),
        Stage(kernel=5, stride=2, expand=6, repeats=2, channels=40),
        Stage(kernel=3, stride=2, expand=6, repeats=3, channels=80),
        Stage(kernel=5, stride=1, expand=6, repeats=3, channels=112),
        Stage(kernel=5, stride=2, expand=6, repeats=4, channels=192),
        Stage(kernel=3, stride=1, expand=6, repeats=1, channels=320),
    ),
    head=1280,
)


def named(name: str) -> Architecture:
    """Return the network of a released variant. KeyError: no variant of that name."""
    variant = VARIANTS[name]
    return stretch(B0, variant.depth, variant.width, variant.resolution)
