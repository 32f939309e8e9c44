"""Exact params, MACs and activations of an Architecture, without building it.

MACs are the multiplications of convolutions and linear layers, forward, one image, biases not
counted: torch's FLOP counter over two. Activations are the elements of all convolution outputs
(Dollar et al. 2021, "Fast and Accurate Model Scaling"). One walk along the network adds these up
together with what jobs/networks/workload.py reads off it.
"""

from collections.abc import Iterator
from functools import lru_cache

from compound.jobs.networks.amoebanet import NORMAL, REDUCTION, Cell, Operation, convolutions
from compound.jobs.networks.cost_tally import CostTally, Map
from compound.schemas.architecture import (
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
from compound.schemas.factory import FactoryNetwork

_CellStage = NormalCellStage | ReductionCellStage


def shrink(size: int, stride: int) -> int:
    """Return the side of a feature map after a stride, padding k // 2 on both sides."""
    return -(-size // stride)


def squeeze_channels(in_channels: int, ratio: float) -> int:
    """Return the squeeze width, relative to the block's input (not its expanded width)."""
    return max(1, int(in_channels * ratio))


def cell_of(stage: _CellStage) -> Cell:
    """Return the steps of a stage's cells."""
    return NORMAL if stage.block == "normal-cell" else REDUCTION


def _mbconv(tally: CostTally, stage: Stage, source: Map, size: int) -> None:
    """Count one inverted bottleneck (MobileNetV2) that maps source to a side of size."""
    wide = source.channels * stage.expand
    if stage.expand > 1:
        tally.conv(source.channels, wide, 1, source.size)
        tally.activate(wide * source.size**2)
    tally.conv(wide, wide, stage.kernel**2, size, groups=wide)
    tally.activate(wide * size * size)
    if stage.se:
        tally.squeeze(wide, squeeze_channels(source.channels, stage.se))
        tally.keep(wide * size * size)
    tally.conv(wide, stage.channels, 1, size)


def _separable(tally: CostTally, stage: SeparableStage, source: Map, size: int) -> None:
    cin = source.channels
    tally.conv(cin, cin, stage.kernel**2, size, groups=cin)
    tally.activate(cin * size * size)
    tally.conv(cin, stage.channels, 1, size)
    if stage.activate:
        tally.keep(stage.channels * size * size)


def _residual(
    tally: CostTally, stage: BasicStage | BottleneckStage, source: Map, stride: int, size: int
) -> None:
    """Count a ResNet block, with the projection where the shortcut needs one."""
    cin, inner, cout, area = source.channels, stage.channels, stage.out_channels, stage.kernel**2
    if stage.block == "bottleneck":
        tally.conv(cin, inner, 1, source.size)
        tally.activate(inner * source.size**2)
    tally.conv(cin if stage.block == "basic" else inner, inner, area, size)
    tally.activate(inner * size * size)
    tally.conv(inner, cout, area if stage.block == "basic" else 1, size)
    if stride > 1 or cin != cout:
        tally.conv(cin, cout, 1, size)
    tally.keep(cout * size * size)


def _cell(tally: CostTally, stage: _CellStage, previous: Map, source: Map, size: int) -> None:
    """Count one AmoebaNet cell: its two inputs brought to its channels, then its steps."""
    channels, cell = stage.channels, cell_of(stage)
    tally.activate_apart(source)
    tally.conv(source.channels, channels, 1, source.size)
    states = [Map(channels, source.size, 1), _brought(tally, channels, previous, source)]
    for pair in cell.pairs:
        for step in pair:
            _step(tally, step.operation, states[step.state], size)
        states.append(Map(channels, size, 1))


def _brought(tally: CostTally, channels: int, previous: Map, source: Map) -> Map:
    """Count how a cell brings the map before the last to its channels and side."""
    halved = previous.stride != source.stride
    if not halved and previous.channels == channels:
        return previous
    tally.activate_apart(previous)
    if halved and channels > 1:
        tally.keep(previous.elements)  # the view one pixel further is a copy
        tally.layers += tally.times  # with a convolution of its own
    tally.conv(previous.channels, channels, 1, source.size)
    return Map(channels, source.size, 1)


def _step(tally: CostTally, operation: Operation, state: Map, size: int) -> None:
    """Count one operation of a cell whose pairs put out maps of a side of size."""
    if operation.startswith("max_pool"):
        tally.pool(state, state.channels * size * size)
    elif operation == "avg_pool_3x3":
        tally.touch(state)
    for conv in convolutions(operation, state.channels):
        tally.activate_apart(state)
        height, width = conv.kernel
        state = Map(conv.cout, size if conv.strides else state.size, 1)
        tally.conv(conv.cin, conv.cout, height * width, state.size)


def _block(tally: CostTally, stage: AnyStage, previous: Map, source: Map, stride: int) -> None:
    """Count one block that reads source; cells read the map before it too."""
    size = shrink(source.size, stride)
    if stage.block == "normal-cell" or stage.block == "reduction-cell":
        _cell(tally, stage, previous, source, size)
        return
    tally.touch(source)
    if stage.block == "mbconv":
        _mbconv(tally, stage, source, size)
    elif stage.block == "separable":
        _separable(tally, stage, source, size)
    else:
        _residual(tally, stage, source, stride, size)


def _output(tally: CostTally, stage: AnyStage, source: Map, stride: int) -> Map:
    """Return the map that a block makes of source; it is kept where it is ReLU's result."""
    activated = stage.block in ("basic", "bottleneck")
    activated = activated or (stage.block == "separable" and stage.activate)
    size, kept = shrink(source.size, stride), activated and tally.keeps_result
    return Map(stage.out_channels, size, source.stride * stride, kept)


def _stage(tally: CostTally, stage: AnyStage, previous: Map, source: Map) -> tuple[Map, Map]:
    """Count a stage; return the last two maps that leave it."""
    alike = max(0, stage.repeats - 2)
    for stride, times in ((stage.stride, 1), (1, int(stage.repeats > 1)), (1, alike)):
        if times:
            tally.times = times
            _block(tally, stage, previous, source, stride)
            previous, source = source, _output(tally, stage, source, stride)
    tally.times = 1
    return previous, source


def _stem(tally: CostTally, architecture: Architecture) -> Map:
    """Count the first convolution and the pool behind it; return what leaves them."""
    stem = architecture.stem
    side = shrink(architecture.resolution, stem.stride)
    tally.keep(architecture.in_channels * architecture.resolution**2)
    tally.conv(architecture.in_channels, stem.channels, stem.kernel**2, side)
    out = Map(stem.channels, side, 1, tally.keeps_result)
    tally.keep(out.elements)
    if not stem.pool:
        return out
    pooled = Map(stem.channels, shrink(side, 2), 1)
    tally.pool(out, pooled.elements)
    return pooled


def _head(tally: CostTally, architecture: Architecture, source: Map) -> None:
    """Count the convolution before pooling where there is one, and the classifier."""
    if architecture.head:
        tally.touch(source)
        tally.conv(source.channels, architecture.head, 1, source.size)
        tally.keep(architecture.head * source.size**2)
    elif architecture.stages[-1].block in ("normal-cell", "reduction-cell"):
        tally.keep(source.elements)
    tally.linear(architecture.head or source.channels, architecture.num_classes)


def parts(architecture: Architecture) -> Iterator[CostTally]:
    """Count the stem, each stage, and the head with the classifier, in this order."""
    tally = CostTally(architecture.family)
    previous = source = _stem(tally, architecture)
    yield tally
    for stage in architecture.stages:
        tally = CostTally(architecture.family)
        previous, source = _stage(tally, stage, previous, source)
        yield tally
    tally = CostTally(architecture.family)
    _head(tally, architecture, source)
    yield tally


def whole(architecture: Architecture) -> CostTally:
    """Count a network as a whole."""
    total = CostTally(architecture.family)
    for part in parts(architecture):
        total.add(part)
    return total


def count_stages(architecture: Architecture) -> tuple[Cost, ...]:
    """Count the stem, each stage, and the head with the classifier, in this order."""
    return tuple(_cost(part) for part in parts(architecture))


def count(network: Network) -> Cost:
    """Count one network exactly; what a factory built was counted then."""
    if isinstance(network, FactoryNetwork):
        work = network.workload
        return Cost(params=work.params, macs=work.macs, activations=work.activations)
    return _counted(network)


@lru_cache(maxsize=4096)
def _counted(architecture: Architecture) -> Cost:
    """Count a network once: a design asks for its parts, its ratio and its cost apart."""
    return _cost(whole(architecture))


def _cost(tally: CostTally) -> Cost:
    return Cost(params=tally.params, macs=tally.macs, activations=tally.activations)
