"""Batch norm across micro-batches and ranks: what is normalised together, and what is remembered.

Ghost batch norm: Hoffer et al. 2017, algorithm 1.
"""

from typing import Literal

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

Together = Literal["worker", "global"] | int
"""Which images batch norm normalises together: see Recipe.norm_batch."""


class Norms:
    """The batch norms of a network that takes `pieces` micro-batches for every optimiser step.

    Running statistics r take in one batch's statistics s by r + m (s - r). Of k micro-batches taken
    in one after another the last would count for most; with `share_of(m, j, k)` for the j-th of
    them all count alike, as they do where k workers take one each.
    """

    def __init__(self, module: nn.Module, pieces: int) -> None:
        norms = [one for one in module.modules() if isinstance(one, _BatchNorm)]
        self._norms = [(one, one.momentum) for one in norms if one.momentum is not None]
        self._pieces = pieces

    def weigh(self, place: int) -> None:
        """Set the momentum for one micro-batch of a step, counted from 1."""
        if self._pieces > 1:
            for norm, momentum in self._norms:
                norm.momentum = share_of(momentum, place, self._pieces)


def share_of(momentum: float, place: int, count: int) -> float:
    """Return the momentum with which the place-th of `count` statistics counts as all others do.

    After all of them running statistics r stand at r + momentum * (mean of all - r).
    """
    return momentum / (count - (count - place) * momentum)


class GhostNorm(nn.BatchNorm2d):
    """Normalises groups of so many neighbouring images; a last group may be larger."""

    def __init__(self, norm: nn.BatchNorm2d, images: int) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.images = images

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        groups = max(1, len(x) // self.images)
        if not self.training or groups == 1:
            return super().forward(x)
        assert self.momentum is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        return torch.cat(
            [
                functional.batch_norm(
                    part,
                    self.running_mean,
                    self.running_var,
                    self.weight,
                    self.bias,
                    training=True,
                    momentum=share_of(self.momentum, place, groups),
                    eps=self.eps,
                )
                for place, part in enumerate(x.tensor_split(groups), start=1)
            ]
        )


class GlobalNorm(nn.BatchNorm2d):
    """Normalises what all ranks hold of a micro-batch together, on CPUs too."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.load_state_dict(norm.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W); every rank has to call it."""
        if not self.training:
            return super().forward(x)
        floats = x.float()
        pixels = floats.new_full((1,), x.numel() / x.shape[1])
        sums = _over_ranks(torch.cat([floats.sum((0, 2, 3)), pixels]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        squares = (floats - mean[:, None, None]).square().sum((0, 2, 3))
        variance = _over_ranks(squares) / count
        self._remember(mean.detach(), variance.detach(), count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        offset = self.bias - mean * scale
        return torch.addcmul(offset[:, None, None], floats, scale[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.momentum is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)


def _over_ranks(tensor: Tensor) -> Tensor:
    """Add up over the ranks; gradients flow back to all of them."""
    summed: Tensor = all_reduce(tensor)  # type: ignore[no-untyped-call]
    return summed


def gathered(module: nn.Module, together: Together) -> nn.Module:
    """Return a network whose batch norms take those images together; the names stay.

    With a process group of one rank, or none, the global batch is the worker's.
    """
    if together == "worker" or (together == "global" and not _several()):
        return module
    for name, child in list(module.named_children()):
        if type(child) is nn.BatchNorm2d:
            new = GlobalNorm(child) if together == "global" else GhostNorm(child, int(together))
            setattr(module, name, new)
        else:
            gathered(child, together)
    return module


def _several() -> bool:
    return distributed.is_initialized() and distributed.get_world_size() > 1
