"""AmoebaNet-D as data: its two cells (Real et al. 2019), and the (L, F) networks of GPipe.

A cell has seven states: 0 is the last cell's output and 1 the one before it, both projected to F
channels; each pair of operations adds its results into the next state. The states that no pair
uses are concatenated. The cells are those that the authors released (tensorflow/tpu, amoeba_net).
"""

from typing import Literal, NamedTuple

from compound.schemas.architecture import Architecture
from compound.schemas.stages import AnyStage, NormalCellStage, ReductionCellStage, Stem

Operation = Literal["none", "1x1", "3x3", "1x7_7x1", "max_pool_2x2", "max_pool_3x3", "avg_pool_3x3"]


class Step(NamedTuple):
    """An operation, and the state that it reads."""

    operation: Operation
    state: int


class Cell(NamedTuple):
    """The pairs of steps that make states 2 to 6, and the states that are concatenated."""

    pairs: tuple[tuple[Step, Step], ...]
    outputs: tuple[int, ...]


NORMAL = Cell(
    pairs=(
        (Step("1x1", 1), Step("max_pool_3x3", 1)),
        (Step("none", 1), Step("1x7_7x1", 0)),
        (Step("1x1", 0), Step("1x7_7x1", 0)),
        (Step("max_pool_3x3", 2), Step("none", 2)),
        (Step("avg_pool_3x3", 1), Step("1x1", 5)),
    ),
    outputs=(0, 3, 4, 6),
)

REDUCTION = Cell(
    pairs=(
        (Step("max_pool_2x2", 0), Step("max_pool_3x3", 0)),
        (Step("none", 2), Step("3x3", 1)),
        (Step("1x7_7x1", 2), Step("max_pool_3x3", 2)),
        (Step("none", 3), Step("max_pool_2x2", 1)),
        (Step("avg_pool_3x3", 2), Step("1x1", 3)),
    ),
    outputs=(4, 5, 6),
)

CELLS = {"normal-cell": NORMAL, "reduction-cell": REDUCTION}
"""The cell of every stage of cells."""


class Convolution(NamedTuple):
    """One convolution of an operation, and whether it takes the operation's stride."""

    cin: int
    cout: int
    kernel: tuple[int, int] = (1, 1)
    strides: bool = False


def convolutions(operation: Operation, channels: int) -> tuple[Convolution, ...]:
    """Return the convolutions of an operation on `channels`; kernels above 1x1 get a quarter.

    In both cells, 3x3 is the only one of them that reads a state which a reduction halves.
    """
    if operation == "1x1":
        return (Convolution(channels, channels),)
    if operation not in ("3x3", "1x7_7x1"):
        return ()
    inner = max(1, channels // 4)
    kernels = [(3, 3)] if operation == "3x3" else [(1, 7), (7, 1)]
    middle = [Convolution(inner, inner, size, strides=size == (3, 3)) for size in kernels]
    return (Convolution(channels, inner), *middle, Convolution(inner, channels))


def amoebanet_d(cells: int, filters: int) -> Architecture:
    """Return (L, F): L normal cells in three stacks, of F, 2F and 4F channels a state.

    GPipe's Table 1 scales L by depth and F by width; it prints 82M, 318M, 542M, 1.05B and 1.8B
    parameters, these have 81.1M, 317.5M, 540.2M, 1.053B and 1.843B. The auxiliary classifier of
    training, left out here, would add 0.6M to 0.8M.
    """
    third, two_thirds = cells // 3, 2 * cells // 3
    stacks = (third, two_thirds - third, cells - two_thirds)
    stages: list[AnyStage] = [_reduction(filters // 4), _reduction(filters // 2)]
    for index, repeats in enumerate(stacks):
        channels = filters * 2**index
        stages += [_reduction(channels)] if index else []
        stages.append(NormalCellStage(block="normal-cell", repeats=repeats, channels=channels))
    return Architecture(
        family="amoebanet",
        resolution=224,
        stem=Stem(channels=32, kernel=3, stride=2),
        stages=tuple(stages),
        head=0,
    )


def _reduction(channels: int) -> ReductionCellStage:
    return ReductionCellStage(block="reduction-cell", channels=channels)


D = amoebanet_d(18, 208)
"""The smallest network of GPipe's Table 1."""
