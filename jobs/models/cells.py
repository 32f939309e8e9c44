"""AmoebaNet's cells as modules; jobs/networks/amoebanet_cells.py has their operations."""

from itertools import chain

import torch
from torch import Tensor, nn

from compound.jobs.models.blocks import BlockInput, StochasticDepth
from compound.jobs.models.numerics import Numerics
from compound.jobs.networks.amoebanet_cells import CELLS, Convolution, Operation, convolutions
from compound.schemas.stages import NormalCellStage, ReductionCellStage


class ActConvNorm(nn.Sequential):
    """Activation, convolution and batch norm: the order inside cells."""

    def __init__(self, conv: Convolution, stride: int, numerics: Numerics) -> None:
        step = stride if conv.strides else 1
        super().__init__(
            numerics.activation(),
            numerics.conv(conv.cin, conv.cout, conv.kernel, step),
            numerics.norm(conv.cout),
        )


class FactorizedReduction(nn.Module):
    """Halves the side and sets the channels: two 1x1 convolutions, one shifted by a pixel."""

    def __init__(self, cin: int, cout: int, numerics: Numerics) -> None:
        super().__init__()
        self.activation = numerics.activation()
        halves = [half for half in (cout - cout // 2, cout // 2) if half]
        self.convs = nn.ModuleList(nn.Conv2d(cin, half, 1, 2, bias=False) for half in halves)
        self.norm = numerics.norm(cout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, cout, ceil(H / 2), ceil(W / 2))."""
        x = self.activation(x)
        # Negative padding cuts a row and a column: the second view starts one pixel further.
        views = (x, nn.functional.pad(x, (-1, 1, -1, 1)))
        # A single output channel has no second half, so the views may outnumber the convolutions.
        halves = [conv(view) for conv, view in zip(self.convs, views, strict=False)]
        y: Tensor = self.norm(torch.cat(halves, 1))
        return y


class CellBlock(nn.Module):
    """One cell: reads the last two feature maps, and concatenates the states that no pair uses."""

    def __init__(self, stage: NormalCellStage | ReductionCellStage, inputs: BlockInput) -> None:
        super().__init__()
        channels, self.cell = stage.channels, CELLS[stage.block]
        before, numerics = inputs.before, inputs.numerics
        self.current = ActConvNorm(Convolution(inputs.channels, channels), 1, numerics)
        self.previous: nn.Module = nn.Identity()
        if inputs.halved:
            self.previous = FactorizedReduction(before, channels, numerics)
        elif before != channels:
            self.previous = ActConvNorm(Convolution(before, channels), 1, numerics)
        self.steps = nn.ModuleList(
            _operation(step.operation, channels, stage.stride if step.state < 2 else 1, numerics)
            for step in chain.from_iterable(self.cell.pairs)
        )
        self.drop = StochasticDepth(inputs.survival)

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        """Map (N, before, ., .) and (N, cin, H, W) to (N, out_channels, H / stride, W / stride)."""
        states = [self.current(current), self.previous(previous)]
        steps = iter(self.steps)
        for left, right in self.cell.pairs:
            results = [
                self._result(step.operation, next(steps), states[step.state])
                for step in (left, right)
            ]
            states.append(results[0] + results[1])
        return torch.cat([states[index] for index in self.cell.outputs], 1)

    def _result(self, operation: Operation, module: nn.Module, state: Tensor) -> Tensor:
        result: Tensor = module(state)
        return result if operation == "none" else self.drop(result)


def _operation(operation: Operation, channels: int, stride: int, numerics: Numerics) -> nn.Module:
    """Build one operation; pools keep the side at stride 1, and ignore padding."""
    if operation == "max_pool_2x2":
        return numerics.max_pool(2, stride)
    if operation == "max_pool_3x3":
        return numerics.max_pool(3, stride)
    if operation == "avg_pool_3x3":
        return numerics.avg_pool(3, stride)
    convs = convolutions(operation, channels)
    return nn.Sequential(*(ActConvNorm(conv, stride, numerics) for conv in convs))
