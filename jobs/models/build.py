"""Build the torch module of a realised network, from data or by the user's own factory."""

from typing import Literal

from torch import nn

from compound.jobs.models.convnet import ConvNet
from compound.jobs.models.numerics import NUMERICS, Numerics
from compound.jobs.models.scaled import Networks
from compound.schemas.architecture import Architecture, Network
from compound.schemas.factory import FactoryNetwork


def build(
    network: Network,
    *,
    survival: float = 1.0,
    dropout: float = 0.0,
    norm_momentum: float | None = None,
    initialisation: Literal["family", "torch"] = "family",
    imports: tuple[str, ...] = (),
) -> nn.Module:
    """Build the network: float images (N, in_channels, R, R) to logits (N, num_classes).

    `survival` is the last block's under stochastic depth; `norm_momentum` the weight of the
    newest batch in the running statistics of batch norm, by default the family's own. Weights are
    drawn as the family draws them, or as torch's layers do.
    A factory builds its network with its own survival and dropout, if its code may be imported
    from the folders in `imports`. FactoryError: it may not, it fails, or it builds another network.
    """
    if isinstance(network, FactoryNetwork):
        from compound.jobs.models.factory import normalised

        return normalised(Networks(imports).module(network), norm_momentum)
    numerics = NUMERICS[network.family]._replace(padding=network.padding, drawn=initialisation)
    return _described(network, survival, dropout, norm_momentum, numerics)


def _described(
    architecture: Architecture,
    survival: float,
    dropout: float,
    norm_momentum: float | None,
    numerics: Numerics,
) -> nn.Module:
    if norm_momentum is not None:
        numerics = numerics._replace(momentum=norm_momentum)
    if architecture.norm_epsilon is not None:
        numerics = numerics._replace(epsilon=architecture.norm_epsilon)
    return ConvNet(architecture, survival=survival, dropout=dropout, numerics=numerics)
