"""Which module builds which block: a row a block."""

from collections.abc import Callable
from typing import Any

from torch import nn

from compound.jobs.models.blocks import BlockInput, MBConv, Residual, Separable
from compound.jobs.models.cells import CellBlock

# Any: each builder takes the stage class of its own row, which Callable cannot express.
Builder = Callable[[Any, BlockInput], nn.Module]

BUILDERS: dict[str, Builder] = {
    "mbconv": MBConv,
    "separable": Separable,
    "basic": Residual,
    "bottleneck": Residual,
    "normal-cell": CellBlock,
    "reduction-cell": CellBlock,
}
"""The module of every block of schemas/stages.py."""
