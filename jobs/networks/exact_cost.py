"""Exact params, MACs and activations of an Architecture, without building it.

MACs are the multiplications of convolutions and linear layers, forward, one image, biases not
counted: torch's FLOP counter over two. Activations are the elements of all convolution outputs
(Dollar et al. 2021, "Fast and Accurate Model Scaling"). One pass over the stages adds these up
together with the counts of jobs/networks/workload.py.
"""

from collections.abc import Iterator
from functools import lru_cache

from compound.jobs.networks.block_counts import COUNTERS, Map, shrink
from compound.jobs.networks.cost_tally import CostTally
from compound.schemas.architecture import Architecture, Cost, Network
from compound.schemas.factory import FactoryNetwork
from compound.schemas.stages import AnyStage


def _block(tally: CostTally, stage: AnyStage, previous: Map, source: Map, stride: int) -> Map:
    """Count one block; return its output map, which ReLU saves where it ends the block."""
    if not stage.preactivated:
        tally.touch(source)
    COUNTERS[stage.block](tally, stage, previous, source, stride)
    size, saved = shrink(source.size, stride), stage.activated and tally.keeps_result
    return Map(stage.out_channels, size, source.stride * stride, saved)


def _stage(tally: CostTally, stage: AnyStage, previous: Map, source: Map) -> tuple[Map, Map]:
    """Count a stage; return the last two maps that leave it."""
    alike = max(0, stage.repeats - 2)
    for stride, times in ((stage.stride, 1), (1, int(stage.repeats > 1)), (1, alike)):
        if times:
            tally.times = times
            previous, source = source, _block(tally, stage, previous, source, stride)
    tally.times = 1
    return previous, source


def _stem(tally: CostTally, architecture: Architecture) -> Map:
    """Count the first convolution and the pool behind it; return what leaves them."""
    stem = architecture.stem
    side = shrink(architecture.resolution, stem.stride)
    tally.keep(architecture.in_channels * architecture.resolution**2)
    images = architecture.in_channels, architecture.resolution
    tally.pad(*images, stem.kernel, stem.stride, spare=True)
    tally.conv(architecture.in_channels, stem.channels, stem.kernel**2, side)
    out = Map(stem.channels, side, 1, tally.keeps_result)
    tally.keep(out.elements)
    if not stem.pool:
        return out
    pooled = Map(stem.channels, shrink(side, 2), 1)
    tally.pool(out, pooled.elements)
    tally.pad(stem.channels, side, 3, 2, spare=not tally.keeps_result)
    return pooled


def _head(tally: CostTally, architecture: Architecture, source: Map) -> None:
    """Count the convolution before pooling where there is one, and the classifier."""
    if architecture.head:
        tally.touch(source)
        tally.conv(source.channels, architecture.head, 1, source.size)
        tally.keep(architecture.head * source.size**2)
    elif architecture.stages[-1].preactivated:
        tally.keep(source.elements)
    tally.linear(architecture.head or source.channels, architecture.num_classes)


def parts(architecture: Architecture) -> Iterator[CostTally]:
    """Count the stem, each stage, and the head with the classifier, in this order."""
    tally = CostTally(architecture.family, architecture.padding)
    previous = source = _stem(tally, architecture)
    yield tally
    for stage in architecture.stages:
        tally = CostTally(architecture.family, architecture.padding)
        previous, source = _stage(tally, stage, previous, source)
        yield tally
    tally = CostTally(architecture.family, architecture.padding)
    _head(tally, architecture, source)
    yield tally


def whole(architecture: Architecture) -> CostTally:
    """Count a network as a whole."""
    total = CostTally(architecture.family, architecture.padding)
    for part in parts(architecture):
        total.add(part)
    return total


def count_stages(architecture: Architecture) -> tuple[Cost, ...]:
    """Count the stem, each stage, and the head with the classifier, in this order."""
    return tuple(_cost(part) for part in parts(architecture))


def count(network: Network) -> Cost:
    """Count one network exactly; a factory's network was counted when it was built."""
    if isinstance(network, FactoryNetwork):
        work = network.workload
        return Cost(params=work.params, macs=work.macs, activations=work.activations)
    return _counted(network)


@lru_cache(maxsize=4096)
def _counted(architecture: Architecture) -> Cost:
    """Count a network once: a design needs its cost several times."""
    return _cost(whole(architecture))


def _cost(tally: CostTally) -> Cost:
    return Cost(params=tally.params, macs=tally.macs, activations=tally.activations)
