"""Exact params, MACs and activations of an Architecture, without building it.

MACs are the multiplications of convolutions and linear layers, forward, one image, biases not
counted: torch's FLOP counter over two. Activations are the elements of all convolution outputs
(Dollar et al. 2021, "Fast and Accurate Model Scaling").
"""

from collections.abc import Iterator
from typing import NamedTuple

from jobs.models.amoebanet import NORMAL, REDUCTION, Cell, convolutions
from schemas.architecture import (
    AnyStage,
    Architecture,
    BasicStage,
    BottleneckStage,
    Cost,
    Network,
    NormalCellStage,
    ReductionCellStage,
    SeparableStage,
    Stage,
)
from schemas.factory import FactoryNetwork


class _Tally(NamedTuple):
    """Counts of one part of a network."""

    params: int = 0
    macs: int = 0
    activations: int = 0

    def plus(self, other: "_Tally", times: int = 1) -> "_Tally":
        """Add other, counted `times` times."""
        return _Tally(
            self.params + times * other.params,
            self.macs + times * other.macs,
            self.activations + times * other.activations,
        )


class _Map(NamedTuple):
    """A feature map: its channels, the side of its square, and its stride behind the stem."""

    channels: int
    size: int
    stride: int


def shrink(size: int, stride: int) -> int:
    """Return the side of a feature map after a stride, padding k // 2 on both sides."""
    return -(-size // stride)


def squeeze_channels(in_channels: int, ratio: float) -> int:
    """Return the squeeze width, relative to the block's input (not its expanded width)."""
    return max(1, int(in_channels * ratio))


def _conv(cin: int, cout: int, area: int, size: int, groups: int = 1) -> _Tally:
    """Count a bias-free convolution with its norm; area is the kernel's, size the output's side."""
    weights = area * (cin // groups) * cout
    return _Tally(weights + 2 * cout, weights * size * size, cout * size * size)


def _squeeze(channels: int, squeezed: int) -> _Tally:
    """Count squeeze-excitation: two biased 1x1 convolutions on one pixel."""
    weights = 2 * channels * squeezed
    return _Tally(weights + squeezed + channels, weights, squeezed + channels)


def _mbconv(stage: Stage, source: _Map, size: int) -> _Tally:
    """Count one inverted bottleneck (MobileNetV2) that maps source to a side of size."""
    wide = source.channels * stage.expand
    total = _conv(wide, wide, stage.kernel**2, size, groups=wide)
    total = total.plus(_conv(wide, stage.channels, 1, size))
    if stage.expand > 1:
        total = total.plus(_conv(source.channels, wide, 1, source.size))
    if stage.se:
        total = total.plus(_squeeze(wide, squeeze_channels(source.channels, stage.se)))
    return total


def _separable(stage: SeparableStage, source: _Map, size: int) -> _Tally:
    cin = source.channels
    depthwise = _conv(cin, cin, stage.kernel**2, size, groups=cin)
    return depthwise.plus(_conv(cin, stage.channels, 1, size))


def _residual(stage: BasicStage | BottleneckStage, source: _Map, stride: int, size: int) -> _Tally:
    """Count a ResNet block, with the projection where the shortcut needs one."""
    cin, inner, cout, area = source.channels, stage.channels, stage.out_channels, stage.kernel**2
    if stage.block == "basic":
        total = _conv(cin, inner, area, size).plus(_conv(inner, inner, area, size))
    else:
        total = _conv(cin, inner, 1, source.size).plus(_conv(inner, inner, area, size))
        total = total.plus(_conv(inner, cout, 1, size))
    return total.plus(_conv(cin, cout, 1, size)) if stride > 1 or cin != cout else total


def _cell(
    stage: NormalCellStage | ReductionCellStage, previous: _Map, source: _Map, size: int
) -> _Tally:
    """Count one AmoebaNet cell: its two inputs brought to its channels, then its steps."""
    channels, cell = stage.channels, cell_of(stage)
    total = _conv(source.channels, channels, 1, source.size)
    if previous.stride != source.stride or previous.channels != channels:
        total = total.plus(_conv(previous.channels, channels, 1, source.size))
    for step in (step for pair in cell.pairs for step in pair):
        side = source.size if step.state < 2 else size
        for conv in convolutions(step.operation, channels):
            side = size if conv.strides else side
            height, width = conv.kernel
            total = total.plus(_conv(conv.cin, conv.cout, height * width, side))
    return total


def cell_of(stage: NormalCellStage | ReductionCellStage) -> Cell:
    """Return the steps of a stage's cells."""
    return NORMAL if stage.block == "normal-cell" else REDUCTION


def _block(stage: AnyStage, previous: _Map, source: _Map, stride: int) -> _Tally:
    """Count one block that reads source; cells read the map before it too."""
    size = shrink(source.size, stride)
    if stage.block == "mbconv":
        return _mbconv(stage, source, size)
    if stage.block == "separable":
        return _separable(stage, source, size)
    if stage.block == "basic" or stage.block == "bottleneck":
        return _residual(stage, source, stride, size)
    return _cell(stage, previous, source, size)


def _stage(stage: AnyStage, previous: _Map, source: _Map) -> tuple[_Tally, _Map, _Map]:
    """Count a stage; also return the last two maps that leave it."""
    size, stride = shrink(source.size, stage.stride), source.stride * stage.stride
    out = _Map(stage.out_channels, size, stride)
    total = _block(stage, previous, source, stage.stride)
    if stage.repeats == 1:
        return total, source, out
    total = total.plus(_block(stage, source, out, 1))
    if stage.repeats > 2:
        total = total.plus(_block(stage, out, out, 1), stage.repeats - 2)
    return total, out, out


def _parts(architecture: Architecture) -> Iterator[_Tally]:
    """Count the stem, each stage, and the head with the classifier."""
    stem = architecture.stem
    side = shrink(architecture.resolution, stem.stride)
    yield _conv(architecture.in_channels, stem.channels, stem.kernel**2, side)
    previous = source = _Map(stem.channels, shrink(side, 2) if stem.pool else side, 1)
    for stage in architecture.stages:
        total, previous, source = _stage(stage, previous, source)
        yield total
    features = architecture.head or source.channels
    weights = features * architecture.num_classes
    total = _Tally(weights + architecture.num_classes, weights)
    if architecture.head:
        total = total.plus(_conv(source.channels, features, 1, source.size))
    yield total


def count_stages(architecture: Architecture) -> tuple[Cost, ...]:
    """Count the stem, each stage, and the head with the classifier, in this order."""
    return tuple(_cost(part) for part in _parts(architecture))


def count(network: Network) -> Cost:
    """Count one network exactly; what a factory built was counted then."""
    if isinstance(network, FactoryNetwork):
        work = network.workload
        return Cost(params=work.params, macs=work.macs, activations=work.activations)
    total = _Tally()
    for part in _parts(network):
        total = total.plus(part)
    return _cost(total)


def _cost(tally: _Tally) -> Cost:
    return Cost(params=tally.params, macs=tally.macs, activations=tally.activations)
