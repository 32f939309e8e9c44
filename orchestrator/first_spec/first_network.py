"""Baselines to begin with, from 8 pixels to 224: MBConv stages that end in a map of 4 to 7 pixels.

A rung of the ladder has about twice the cost of the one before. Its shape follows EfficientNet-B0
(Tan and Le 2019, Table 1) with fewer stages and channels: channels grow as resolution falls.
"""

from dataclasses import dataclass

from compound.schemas.baseline import CustomBaseline
from compound.schemas.stages import Stage, Stem

RESOLUTIONS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224)
_CHANNELS = {8: 4, 12: 6, 16: 8, 48: 16, 96: 20, 160: 24}
"""Of the first stage, from a resolution on."""
_WIDER = (2, 3, 5, 8, 12)
"""Channels of each later stage over those of the first."""
_STEM_STRIDES = 48
"""Pixels from which on the stem halves the map."""
_HEAD = 4
"""Channels of the head over those of the last stage."""
_ROOM = 1.4
"""Stored pixels over the baseline's: a doubling by resolution alone takes sqrt(2) times as many,
and none of them should be made up."""
SMALLEST, SMALLEST_PHOTOGRAPH = 8, 12
"""Pixels below which nobody recognises much, of tiny pictures and of photographs."""
_TINY = 20
"""Stored pixels of a tiny picture."""


@dataclass(frozen=True)
class FirstNetwork:
    """A baseline by its resolution."""

    resolution: int

    @property
    def first_channels(self) -> int:
        """Channels of the stem and the first stage."""
        return max((least, wide) for least, wide in _CHANNELS.items() if least <= self.resolution)[
            1
        ]

    @property
    def stem_stride(self) -> int:
        """1 or 2."""
        return 2 if self.resolution >= _STEM_STRIDES else 1

    @property
    def halvings(self) -> int:
        """Stages of stride 2."""
        side, number = self.resolution // self.stem_stride, 0
        while side >= 8:
            side, number = side // 2, number + 1
        return number

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The first at full size, then one for each halving."""
        first = self.first_channels
        later = (
            Stage(channels=first * times, expand=4, stride=2, repeats=2, se=0)
            for times in _WIDER[: self.halvings]
        )
        return (Stage(channels=first, expand=1, se=0), *later)

    @property
    def head(self) -> int:
        """Channels of the last convolution."""
        return _HEAD * self.stages[-1].channels

    @property
    def total_stride(self) -> int:
        """Input pixels under one pixel of the last map."""
        return self.stem_stride << self.halvings

    @property
    def rounding(self) -> int:
        """What scaled channels are multiples of: half the first stage's."""
        return max(1, self.first_channels // 4)

    def baseline(self) -> CustomBaseline:
        """Return it as a spec has it."""
        return CustomBaseline(
            resolution=self.resolution,
            stem=Stem(channels=self.first_channels, stride=self.stem_stride),
            stages=self.stages,
            head=self.head,
        )


def ladder(stored: int) -> tuple[FirstNetwork, ...]:
    """Return the baselines that images of `stored` pixels a side are enough for, smallest first."""
    smallest = SMALLEST if stored < _TINY else SMALLEST_PHOTOGRAPH
    fitting = [side for side in RESOLUTIONS if smallest <= side <= stored / _ROOM]
    return tuple(map(FirstNetwork, fitting or [smallest]))
