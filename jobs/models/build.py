"""From an Architecture to the torch module that it describes."""

from torch import nn

from jobs.models.mbconv import MBConvNet
from schemas.architecture import Architecture


def build(
    architecture: Architecture,
    *,
    survival: float = 1.0,
    dropout: float = 0.0,
    norm_momentum: float = 0.01,
) -> nn.Module:
    """Build the network: float images (N, in_channels, R, R) to logits (N, num_classes).

    `survival` is the last block's under stochastic depth; `norm_momentum` the weight of the
    newest batch in the running statistics of batch norm.
    """
    return MBConvNet(architecture, survival=survival, dropout=dropout, momentum=norm_momentum)
