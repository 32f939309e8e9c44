"""RMSProp and the average compiled into one pass over memory, for jobs that repay the compiler."""

from collections.abc import Callable

import torch
from torch import Tensor

from compound.jobs.training.optimiser.cache_blocks import CacheBlock
from compound.jobs.training.optimiser.optimiser import RMSPROP_DECAY, RMSPROP_EPSILON
from compound.schemas.recipe import Recipe

Fused = Callable[[CacheBlock, float, float], None]


def fused(recipe: Recipe, device: torch.device) -> Fused | None:
    """Return what changes a run at a rate and the average's weight; None: not this optimiser.

    The first step waits for the compiler, up to a minute. Results round otherwise in the last
    place than those of uncompiled steps, so a resumed job has to go on as it began.
    """
    if recipe.optimizer != "rmsprop":
        return None
    compiled = torch.compile(rmsprop)

    def change(run: CacheBlock, rate: float, weight: float) -> None:
        # Numbers of the host's as kernels' arguments: a tensor made on a GPU waits for the copy.
        now, part = torch.tensor(rate), torch.tensor(weight)
        decay = recipe.weight_decay if run.decayed else 0.0
        compiled(
            run.parameters,
            run.raw,
            run.slots["mean_square"],
            run.slots["momentum"],
            run.average,
            now,
            part,
            decay,
            recipe.momentum,
        )

    return change


def rmsprop(
    parameters: Tensor,
    gradients: Tensor,
    mean_square: Tensor,
    momentum: Tensor,
    average: Tensor | None,
    rate: Tensor,
    weight: Tensor,
    decay: float,
    inertia: float,
) -> None:
    """Do what RmsProp and Average do, step by step; rate and weight are tensors, as they change."""
    gradients = gradients + decay * parameters
    mean_square.mul_(RMSPROP_DECAY).add_((1 - RMSPROP_DECAY) * gradients * gradients)
    step = rate * gradients / torch.sqrt(mean_square + RMSPROP_EPSILON)
    momentum.mul_(inertia).add_(step)
    parameters.sub_(momentum)
    if average is not None:
        average.add_(weight * (parameters - average))
