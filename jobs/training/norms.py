"""Batch norm's running statistics, the same however a batch is cut into micro-batches."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Norms:
    """The batch norms of a network that takes `pieces` micro-batches for every optimiser step.

    Running statistics r take in one batch's statistics s by r + m (s - r). Of k micro-batches taken
    in one after another the last would count for most. With the momentum m / (k - (k - j) m) for
    the j-th of them all count alike, and the step ends at r + m (mean(s) - r), which is also what
    k workers with a micro-batch each come to.
    """

    def __init__(self, module: nn.Module, pieces: int) -> None:
        norms = [one for one in module.modules() if isinstance(one, _BatchNorm)]
        self._norms = [(one, one.momentum) for one in norms if one.momentum is not None]
        self._pieces = pieces

    def weigh(self, place: int) -> None:
        """Set the momentum for one micro-batch of a step, counted from 1."""
        if self._pieces > 1:
            for norm, momentum in self._norms:
                norm.momentum = momentum / (self._pieces - (self._pieces - place) * momentum)
