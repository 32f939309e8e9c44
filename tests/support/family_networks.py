"""Networks of every family for tests: the named ones small, and random ones of any blocks."""

from hypothesis import strategies as st

from compound.jobs.networks.amoebanet import amoebanet_d
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import stretch
from compound.schemas.architecture import Architecture
from compound.schemas.stages import (
    BasicStage,
    BottleneckStage,
    NormalCellStage,
    ReductionCellStage,
    SeparableStage,
    Stage,
    Stem,
)

FAMILIES = ("mbconv", "mobilenet-v1", "mobilenet-v2", "mnasnet", "resnet", "amoebanet")
ONE_OF_EACH = (
    "efficientnet-b0",
    "mobilenet-v1",
    "mobilenet-v2",
    "mnasnet-a1",
    "mnasnet-b1",
    "resnet-18",
    "resnet-50",
    "amoebanet-d",
)
KERNELS = st.sampled_from([1, 3, 5, 7])
STRIDES = st.sampled_from([1, 2])
REPEATS = st.integers(1, 4)
CHANNELS = st.integers(1, 32)


def small(name: str, classes: int = 10) -> Architecture:
    """Return a named network with a quarter of its channels, at 64 pixels."""
    network = amoebanet_d(6, 32) if name == "amoebanet-d" else stretch(NETWORKS[name], 1, 0.25, 64)
    return network.model_copy(update={"num_classes": classes, "resolution": 64})


def blocks(kind: type, name: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return stages of one kind."""
    return st.builds(kind, block=st.just(name), channels=CHANNELS, **fields)


STAGES = st.one_of(
    st.builds(
        Stage,
        kernel=KERNELS,
        stride=STRIDES,
        expand=st.integers(1, 6),
        repeats=REPEATS,
        channels=CHANNELS,
        se=st.sampled_from([0.0, 0.25, 0.5]),
    ),
    blocks(
        SeparableStage,
        "separable",
        kernel=KERNELS,
        stride=STRIDES,
        repeats=REPEATS,
        activate=st.booleans(),
    ),
    blocks(BasicStage, "basic", kernel=KERNELS, stride=STRIDES, repeats=REPEATS),
    blocks(
        BottleneckStage,
        "bottleneck",
        kernel=KERNELS,
        stride=STRIDES,
        repeats=REPEATS,
        expand=st.integers(1, 4),
    ),
    blocks(NormalCellStage, "normal-cell", repeats=REPEATS),
    blocks(ReductionCellStage, "reduction-cell"),
)
MIXED = st.builds(
    Architecture,
    family=st.sampled_from(FAMILIES),
    resolution=st.integers(1, 64),
    in_channels=st.integers(1, 4),
    num_classes=st.integers(1, 20),
    stem=st.builds(
        Stem,
        channels=st.integers(1, 48),
        kernel=st.sampled_from([1, 3, 5, 7]),
        stride=STRIDES,
        pool=st.booleans(),
    ),
    stages=st.lists(STAGES, min_size=1, max_size=4).map(tuple),
    head=st.integers(0, 100),
)
"""Any blocks in any order, under the numerics of any family."""

SCALED = st.builds(
    stretch,
    st.sampled_from(sorted(NETWORKS)).map(NETWORKS.__getitem__),
    st.floats(0.1, 1),
    st.floats(0.05, 0.5),
    st.integers(1, 96),
)
"""Random scalings of every named network."""
