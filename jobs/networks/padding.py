"""What is added around a map: half a kernel on every side, or as TensorFlow's `SAME` does.

Both make maps of ceil(side / stride) pixels from odd kernels. With a stride, `SAME` mostly adds one
pixel more below and to the right than above and to the left.
"""

from typing import NamedTuple


class Edges(NamedTuple):
    """Pixels added before and after a map along one axis."""

    before: int
    after: int

    @property
    def even(self) -> bool:
        """Whether both are the same, so that a layer's own padding does it without a copy."""
        return self.before == self.after


def same_edges(side: int, kernel: int, stride: int) -> Edges:
    """Return the edges of `SAME`: the fewest pixels that give ceil(side / stride) results."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return Edges(total // 2, total - total // 2)
