"""Counting one block of every kind: a row a block.

A counter adds one block to the tally: (tally, stage, previous, source, stride). `source` is the
map that the block reads; `previous`, the one before it, is read by cells alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from compound.jobs.networks.amoebanet_cells import CELLS, Operation, convolutions
from compound.schemas.stages import (
    BasicStage,
    BottleneckStage,
    NormalCellStage,
    ReductionCellStage,
    SeparableStage,
    Stage,
)

if TYPE_CHECKING:
    from compound.jobs.networks.cost_tally import CostTally

# Any: each counter takes the stage class of its own row, which Callable cannot express.
Counter = Callable[["CostTally", Any, "Map", "Map", int], None]


def shrink(size: int, stride: int) -> int:
    """Return the side of a feature map after a stride, padding k // 2 on both sides."""
    return -(-size // stride)


def squeeze_channels(in_channels: int, ratio: float) -> int:
    """Return the squeeze width, relative to the block's input (not its expanded width)."""
    return max(1, int(in_channels * ratio))


def _mbconv(tally: "CostTally", stage: Stage, _previous: "Map", source: "Map", stride: int) -> None:
    """Count one inverted bottleneck (MobileNetV2)."""
    wide, size = source.channels * stage.expand, shrink(source.size, stride)
    if stage.expand > 1:
        tally.conv(source.channels, wide, 1, source.size)
        tally.activate(wide * source.size**2)
    spare = stage.expand > 1 and not tally.keeps_result
    tally.pad(wide, source.size, stage.kernel, stride, spare=spare)
    tally.conv(wide, wide, stage.kernel**2, size, groups=wide)
    tally.activate(wide * size * size)
    if stage.se:
        tally.squeeze(wide, squeeze_channels(source.channels, stage.se))
        tally.keep(wide * size * size)
    tally.conv(wide, stage.channels, 1, size)


def _separable(
    tally: "CostTally", stage: SeparableStage, _previous: "Map", source: "Map", stride: int
) -> None:
    cin, size = source.channels, shrink(source.size, stride)
    tally.pad(cin, source.size, stage.kernel, stride, spare=False)
    tally.conv(cin, cin, stage.kernel**2, size, groups=cin)
    tally.activate(cin * size * size)
    tally.conv(cin, stage.channels, 1, size)
    if stage.activate:
        tally.keep(stage.channels * size * size)


class ResidualConvolution(NamedTuple):
    """One convolution of a residual block."""

    cin: int
    cout: int
    kernel: int
    stride: int


def residual_convolutions(
    stage: BasicStage | BottleneckStage, cin: int, stride: int
) -> list[ResidualConvolution]:
    """Return the convolutions of a ResNet block, in order, without its projection."""
    inner = [stage.channels] * (len(stage.kernels) - 1)
    return [
        ResidualConvolution(before, after, kernel, stride if index == stage.strides_at else 1)
        for index, (before, after, kernel) in enumerate(
            zip((cin, *inner), (*inner, stage.out_channels), stage.kernels, strict=True)
        )
    ]


def _residual(
    tally: "CostTally",
    stage: BasicStage | BottleneckStage,
    _previous: "Map",
    source: "Map",
    stride: int,
) -> None:
    """Count a ResNet block, with the projection where the shortcut needs one."""
    cin, cout, size = source.channels, stage.out_channels, source.size
    *first, last = residual_convolutions(stage, cin, stride)
    for conv in first:
        tally.pad(conv.cin, size, conv.kernel, conv.stride, spare=False)
        size = shrink(size, conv.stride)
        tally.conv(conv.cin, conv.cout, conv.kernel**2, size)
        tally.activate(conv.cout * size * size)
    tally.conv(last.cin, last.cout, last.kernel**2, size)
    if stride > 1 or cin != cout:
        tally.conv(cin, cout, 1, size)
    tally.keep(cout * size * size)


def _cell(
    tally: "CostTally",
    stage: NormalCellStage | ReductionCellStage,
    previous: "Map",
    source: "Map",
    stride: int,
) -> None:
    """Count one AmoebaNet cell: its two inputs brought to its channels, then its steps."""
    channels, size = stage.channels, shrink(source.size, stride)
    tally.activate_apart(source)
    tally.conv(source.channels, channels, 1, source.size)
    states = [Map(channels, source.size, 1), _projected(tally, channels, previous, source)]
    for pair in CELLS[stage.block].pairs:
        for step in pair:
            _step(tally, step.operation, states[step.state], size)
        states.append(Map(channels, size, 1))


def _projected(tally: "CostTally", channels: int, previous: "Map", source: "Map") -> "Map":
    """Count the projection of the map before the last to the cell's channels and side."""
    halved = previous.stride != source.stride
    if not halved and previous.channels == channels:
        return previous
    tally.activate_apart(previous)
    if halved and channels > 1:
        # The view that is shifted by a pixel is a copy, and has its own convolution.
        tally.keep(previous.elements)
        tally.layers += tally.times
    tally.conv(previous.channels, channels, 1, source.size)
    return Map(channels, source.size, 1)


def _step(tally: "CostTally", operation: Operation, state: "Map", size: int) -> None:
    """Count one operation of a cell whose pairs return maps of a side of size."""
    stride = 2 if state.size > size else 1
    if operation.startswith("max_pool"):
        tally.pool(state, state.channels * size * size)
        kernel = 2 if operation == "max_pool_2x2" else 3
        tally.pad(state.channels, state.size, kernel, stride, spare=False)
    elif operation == "avg_pool_3x3":
        tally.touch(state)
    for conv in convolutions(operation, state.channels):
        tally.activate_apart(state)
        height, width = conv.kernel
        if conv.strides:
            tally.pad(state.channels, state.size, height, stride, spare=False)
        state = Map(conv.cout, size if conv.strides else state.size, 1)
        tally.conv(conv.cin, conv.cout, height * width, state.size)


COUNTERS: dict[str, Counter] = {
    "mbconv": _mbconv,
    "separable": _separable,
    "basic": _residual,
    "bottleneck": _residual,
    "normal-cell": _cell,
    "reduction-cell": _cell,
}
"""The counter of every block of schemas/stages.py."""


class Map:
    """A feature map of one image, and whether autograd has saved it already."""

    __slots__ = ("channels", "saved", "size", "stride")

    def __init__(self, channels: int, size: int, stride: int, saved: bool = False) -> None:
        """Take the side of its square, and how many pixels of the stem's map lie under one."""
        self.channels, self.size, self.stride, self.saved = channels, size, stride, saved

    @property
    def elements(self) -> int:
        """All numbers of the map."""
        return self.channels * self.size * self.size
