"""AmoebaNet's two cells as data (Real et al. 2019).

A cell has seven states: 0 is the last cell's output and 1 the output before it, both projected to F
channels; each pair of operations adds its results into the next state. The states that no pair
uses are concatenated. The cells are those that the authors released (tensorflow/tpu, amoeba_net).
"""

from typing import Literal, NamedTuple

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
