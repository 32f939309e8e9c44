"""Layers that pad as TensorFlow's `SAME`: for every input side, and more after than before."""

import math

from torch import Tensor, nn
from torch.nn import functional

from compound.jobs.networks.padding import Edges, same_edges


def _edges(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> tuple[Edges, Edges]:
    """Return the edges along rows and columns of (N, C, H, W)."""
    rows, columns = (
        same_edges(side, size, step)
        for side, size, step in zip(x.shape[-2:], kernel, stride, strict=True)
    )
    return rows, columns


class SameConv2d(nn.Conv2d):
    """A convolution to ceil(H / stride) x ceil(W / stride); its own padding is not used."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, cout, ceil(H / stride), ceil(W / stride))."""
        rows, columns = _edges(x, self.kernel_size, self.stride)
        around = (rows.before, columns.before)
        if not (rows.even and columns.even):
            x, around = functional.pad(x, (*columns, *rows)), (0, 0)
        return functional.conv2d(
            x, self.weight, self.bias, self.stride, around, self.dilation, self.groups
        )


class SameMaxPool2d(nn.Module):
    """The largest of the pixels under a square kernel that lie in the map."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel, kernel), (stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        rows, columns = _edges(x, self.kernel, self.stride)
        if rows.even and columns.even:
            around = (rows.before, columns.before)
            return functional.max_pool2d(x, self.kernel, self.stride, around)
        padded = functional.pad(x, (*columns, *rows), value=-math.inf)
        return functional.max_pool2d(padded, self.kernel, self.stride)


class SameAvgPool2d(SameMaxPool2d):
    """The mean of those pixels; what is added around the map does not count."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        rows, columns = _edges(x, self.kernel, self.stride)
        if rows.even and columns.even:
            around = (rows.before, columns.before)
            return functional.avg_pool2d(
                x, self.kernel, self.stride, around, count_include_pad=False
            )
        means, parts = (
            functional.avg_pool2d(
                functional.pad(values, (*columns, *rows)), self.kernel, self.stride
            )
            for values in (x, x.new_ones(1, 1, *x.shape[-2:]))
        )
        return means / parts
