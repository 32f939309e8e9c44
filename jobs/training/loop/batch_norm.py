"""Batch norm across micro-batches and ranks: groups of images, and running statistics.

Ghost batch norm: Hoffer et al. 2017, algorithm 1.
"""

from typing import Literal

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from compound.jobs.models.numerics import BatchNorm

Together = Literal["worker", "global"] | int
"""Which images batch norm normalises together: see Recipe.norm_batch."""
_FEW = 5
"""Number of groups up to which a call for each launches no more kernels than one for all."""


class Norms:
    """The batch norms of a network that takes `pieces` micro-batches for every optimiser step.

    One batch with statistics s changes running statistics r to r + m (s - r). Of k micro-batches in
    a row the last would then weigh most. With momentum `share_of(m, j, k)` for the j-th, all weigh
    the same, as they do if k workers take one each.
    """

    def __init__(self, module: nn.Module, pieces: int) -> None:
        """Find the norms of a network that is on its device already."""
        norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
        self._norms = [(norm, norm.momentum) for norm in norms if norm.momentum is not None]
        counts = (norm.num_batches_tracked for norm in norms if isinstance(norm, BatchNorm))
        self._counts = [count for count in counts if count is not None]
        self._pieces = pieces

    def begin(self, number: int) -> None:
        """Count a micro-batch and set its momentum. `number`: within its step, from 1."""
        if self._counts:
            torch._foreach_add_(self._counts, 1)
        if self._pieces > 1:
            for norm, momentum in self._norms:
                norm.momentum = share_of(momentum, number, self._pieces)


def share_of(momentum: float, number: int, count: int) -> float:
    """Return the momentum with which the `number`-th of `count` statistics weighs as all others do.

    After all of them running statistics r are r + momentum * (mean of all - r).
    """
    return momentum / (count - (count - number) * momentum)


class GhostNorm(BatchNorm):
    """Normalises groups of so many neighbouring images; a group may be larger."""

    def __init__(self, norm: nn.BatchNorm2d, images: int) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.images = images

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        groups = max(1, len(x) // self.images)
        if not self.training or groups == 1:
            return super().forward(x)
        if x.device.type != "cpu" and groups > _FEW and len(x) % groups == 0:
            return self._at_once(x, groups)
        assert self.momentum is not None
        return torch.cat(
            [
                functional.batch_norm(
                    part,
                    self.running_mean,
                    self.running_var,
                    self.weight,
                    self.bias,
                    training=True,
                    momentum=share_of(self.momentum, number, groups),
                    eps=self.eps,
                )
                for number, part in enumerate(x.tensor_split(groups), start=1)
            ]
        )

    def _at_once(self, x: Tensor, groups: int) -> Tensor:
        """Normalise equal groups by one call, in which each group has channels of its own.

        The number of kernels does not grow with the groups, so a GPU does not wait for launches.
        """
        assert self.running_mean is not None and self.running_var is not None
        assert self.momentum is not None
        count, channels, height, width = x.shape
        shape = (groups, count // groups, height, width, channels)
        beside = x.permute(0, 2, 3, 1).reshape(shape).permute(1, 2, 3, 0, 4)
        moments = self.running_mean.new_zeros(2, groups * channels)
        normal = functional.batch_norm(
            beside.flatten(3).permute(0, 3, 1, 2),
            moments[0],
            moments[1],
            self.weight.repeat(groups),
            self.bias.repeat(groups),
            training=True,
            momentum=1.0,  # leaves the groups' own moments
            eps=self.eps,
        )
        mean, variance = moments.view(2, groups, channels).mean(1).unbind()
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        parts = normal.permute(0, 2, 3, 1).reshape(*shape[1:4], *shape[::4])
        return parts.permute(3, 0, 1, 2, 4).flatten(0, 1).permute(0, 3, 1, 2)


class GlobalNorm(BatchNorm):
    """Normalises a micro-batch over the images of all ranks."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        # torch's SyncBatchNorm does the same, but only on GPUs.
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.load_state_dict(norm.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W). All ranks have to call it at the same time."""
        if not self.training:
            return super().forward(x)
        floats = x.float()
        pixels = floats.new_full((1,), x.numel() / x.shape[1])
        sums = _over_ranks(torch.cat([floats.sum((0, 2, 3)), pixels]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        # A second pass for the variance: the mean of squares less the squared mean loses precision.
        squares = (floats - mean[:, None, None]).square().sum((0, 2, 3))
        variance = _over_ranks(squares) / count
        self._remember(mean.detach(), variance.detach(), count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        offset = self.bias - mean * scale
        return torch.addcmul(offset[:, None, None], floats, scale[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        # As torch's BatchNorm: it normalises by the biased variance, and keeps the unbiased one.
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)


def _over_ranks(tensor: Tensor) -> Tensor:
    """Sum over the ranks; gradients flow back to all of them."""
    summed: Tensor = all_reduce(tensor)  # type: ignore[no-untyped-call]
    return summed


def with_norm_batch(module: nn.Module, together: Together) -> nn.Module:
    """Return a network whose batch norms normalise those images together; names stay the same.

    With a process group of one rank, or none, the global batch is the worker's.
    """
    if together == "worker" or (together == "global" and not _several()):
        return module
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and type(child) in (BatchNorm, nn.BatchNorm2d):
            new = GlobalNorm(child) if together == "global" else GhostNorm(child, int(together))
            setattr(module, name, new)
        else:
            with_norm_batch(child, together)
    return module


def _several() -> bool:
    return distributed.is_initialized() and distributed.get_world_size() > 1
