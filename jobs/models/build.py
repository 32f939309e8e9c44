"""From an Architecture to the torch module that it describes."""

from torch import nn

from jobs.models.convnet import ConvNet
from jobs.models.numerics import NUMERICS
from schemas.architecture import Architecture


def build(
    architecture: Architecture,
    *,
    survival: float = 1.0,
    dropout: float = 0.0,
    norm_momentum: float | None = None,
) -> nn.Module:
    """Build the network: float images (N, in_channels, R, R) to logits (N, num_classes).

    `survival` is the last block's under stochastic depth; `norm_momentum` the weight of the
    newest batch in the running statistics of batch norm, by default the family's own.
    """
    numerics = NUMERICS[architecture.family]
    if norm_momentum is not None:
        numerics = numerics._replace(momentum=norm_momentum)
    return ConvNet(architecture, survival=survival, dropout=dropout, numerics=numerics)
