"""RMSProp and the moving average compiled into one pass over memory, for compiled jobs."""

from collections.abc import Callable

import torch
from torch import Tensor

from compound.jobs.training.optimiser.cache_blocks import CacheBlock
from compound.jobs.training.optimiser.optimiser import RMSPROP_DECAY, RMSPROP_EPSILON
from compound.schemas.recipe import Recipe

Fused = Callable[[CacheBlock, float, float], None]


def fused(recipe: Recipe, device: torch.device) -> Fused | None:
    """Return a function of a block, the rate and the average's weight; None: another optimiser.

    The first step waits for the compiler, up to a minute. Results round differently in the last
    place from those of uncompiled steps, so a resumed job has to go on as it began.
    """
    if recipe.optimizer != "rmsprop":
        return None
    compiled = torch.compile(rmsprop)

    def change(block: CacheBlock, rate: float, weight: float) -> None:
        # CPU scalars become arguments of the kernels, while a tensor made on the GPU waits for a
        # copy. Floats may become constants of the program, which is then compiled again.
        now, part = torch.tensor(rate), torch.tensor(weight)
        decay = recipe.weight_decay if block.decayed else 0.0
        compiled(
            block.parameters,
            block.raw,
            block.slots["mean_square"],
            block.slots["momentum"],
            block.average,
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
    """Compute what RmsProp and Average do, in the same order. `weight`: of the average."""
    gradients = gradients + decay * parameters
    mean_square.mul_(RMSPROP_DECAY).add_((1 - RMSPROP_DECAY) * gradients * gradients)
    step = rate * gradients / torch.sqrt(mean_square + RMSPROP_EPSILON)
    momentum.mul_(inertia).add_(step)
    parameters.sub_(momentum)
    if average is not None:
        average.add_(weight * (parameters - average))
