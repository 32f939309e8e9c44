"""Optimisers as element-wise passes over blocks of one flat buffer."""

from typing import Protocol

import torch

from compound.jobs.parallel.flat_parameters import Flat
from compound.jobs.training.optimiser.cache_blocks import CacheBlock
from compound.schemas.recipe import Recipe

RMSPROP_DECAY = 0.9
RMSPROP_EPSILON = 1e-3
"""Inside the square root, as in TensorFlow."""
ADAM_DECAY = 0.999
ADAM_EPSILON = 1e-8


class Optimiser(Protocol):
    """How a block of parameters is updated, and the state between steps."""

    starts: dict[str, float]
    """The state of every parameter, by name, with its first value."""
    decoupled: bool
    """Whether weight decay shrinks the weights directly and is not added to the gradient."""

    def move(self, block: CacheBlock, rate: float, step: int) -> None:
        """Change parameters by `run.gradients`, in the `step`th step counted from 1."""
        ...


class Sgd:
    """Stochastic gradient descent with momentum; the rate multiplies the whole momentum.

    `nesterov`: the form of Sutskever et al. (2013) that torch has: the step is the gradient and the
    momentum after it.
    """

    decoupled = False

    def __init__(self, momentum: float, *, nesterov: bool = False) -> None:
        self._momentum, self._nesterov = momentum, nesterov
        self.starts = {"momentum": 0.0}

    def move(self, block: CacheBlock, rate: float, step: int) -> None:
        """Move against the decaying sum of gradients."""
        momentum = block.slots["momentum"]
        momentum.mul_(self._momentum).add_(block.gradients)
        if self._nesterov:
            block.parameters.add_(block.gradients, alpha=-rate)
        block.parameters.add_(momentum, alpha=-rate * (self._momentum if self._nesterov else 1.0))


class RmsProp:
    """RMSProp in TensorFlow's form.

    The mean square starts at 1, epsilon is inside the root, and momentum sums steps that are
    already multiplied by the rate.
    """

    decoupled = False

    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self.starts = {"mean_square": 1.0, "momentum": 0.0}

    def move(self, block: CacheBlock, rate: float, step: int) -> None:
        """Move by gradients relative to the root of their mean square."""
        gradients, mean_square = block.gradients, block.slots["mean_square"]
        mean_square.mul_(RMSPROP_DECAY).addcmul_(gradients, gradients, value=1 - RMSPROP_DECAY)
        root = torch.add(mean_square, RMSPROP_EPSILON, out=block.scratch).sqrt_()
        momentum = block.slots["momentum"].mul_(self._momentum)
        momentum.addcdiv_(gradients, root, value=rate)
        block.parameters.sub_(momentum)


class AdamW:
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, arXiv 1711.05101)."""

    decoupled = True

    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self.starts = {"momentum": 0.0, "mean_square": 0.0}

    def move(self, block: CacheBlock, rate: float, step: int) -> None:
        """Move by the mean gradient relative to the root of its mean square, both unbiased."""
        gradients, mean_square = block.gradients, block.slots["mean_square"]
        mean = block.slots["momentum"].lerp_(gradients, 1 - self._momentum)
        mean_square.mul_(ADAM_DECAY).addcmul_(gradients, gradients, value=1 - ADAM_DECAY)
        root = torch.sqrt(mean_square, out=block.scratch).div_((1 - ADAM_DECAY**step) ** 0.5)
        root.add_(ADAM_EPSILON)
        block.parameters.addcdiv_(mean, root, value=-rate / (1 - self._momentum**step))


def optimiser(recipe: Recipe) -> Optimiser:
    """Build the optimiser that a recipe names."""
    if recipe.optimizer == "sgd":
        return Sgd(recipe.momentum, nesterov=recipe.nesterov)
    kinds: dict[str, type[RmsProp | AdamW]] = {"rmsprop": RmsProp, "adamw": AdamW}
    return kinds[recipe.optimizer](recipe.momentum)


@torch.no_grad()
def clip(flat: Flat, limit: float) -> None:
    """Scale the gradients to a global norm of `limit` if it is larger."""
    # The 1e-6 is that of torch's clip_grad_norm_, so that both scale by the same factor.
    flat.gradients.mul_((limit / (flat.norm() + 1e-6)).clamp_(max=1.0))
