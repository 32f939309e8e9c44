"""Optimisers as a few passes over one flat buffer."""

from typing import Protocol

import torch
from torch import Tensor

from jobs.training.flat import Flat
from schemas.recipe import Recipe

RMSPROP_DECAY = 0.9
RMSPROP_EPSILON = 1e-3
"""Inside the square root, as in TensorFlow."""


class Optimiser(Protocol):
    """What the loop needs: an update, and the state that a checkpoint keeps."""

    slots: dict[str, Tensor]
    """State as long as the parameters, by name; updated in place."""

    def step(self, rate: float) -> None:
        """Change the parameters by their gradients, which it may overwrite."""
        ...


class Sgd:
    """Stochastic gradient descent with momentum; the rate multiplies the whole momentum."""

    def __init__(self, flat: Flat, momentum: float) -> None:
        self._flat, self._momentum = flat, momentum
        self.slots = {"momentum": torch.zeros_like(flat.gradients)}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move against the decaying sum of gradients."""
        momentum = self.slots["momentum"]
        momentum.mul_(self._momentum).add_(self._flat.gradients)
        self._flat.parameters.add_(momentum, alpha=-rate)


class RmsProp:
    """RMSProp in TensorFlow's form.

    The mean square starts at 1, epsilon is inside the root, and momentum gathers steps that
    already hold their rate.
    """

    def __init__(self, flat: Flat, momentum: float) -> None:
        self._flat, self._momentum = flat, momentum
        self.slots = {
            "mean_square": torch.ones_like(flat.gradients),
            "momentum": torch.zeros_like(flat.gradients),
        }

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move by gradients relative to the root of their mean square."""
        gradients, mean_square = self._flat.gradients, self.slots["mean_square"]
        mean_square.mul_(RMSPROP_DECAY).addcmul_(gradients, gradients, value=1 - RMSPROP_DECAY)
        root = mean_square.add(RMSPROP_EPSILON).sqrt_()
        momentum = self.slots["momentum"].mul_(self._momentum)
        momentum.addcdiv_(gradients, root, value=rate)
        self._flat.parameters.sub_(momentum)


def optimiser(recipe: Recipe, flat: Flat) -> Optimiser:
    """Build the optimiser that a recipe names."""
    kind = Sgd if recipe.optimizer == "sgd" else RmsProp
    return kind(flat, recipe.momentum)


@torch.no_grad()
def condition(flat: Flat, recipe: Recipe) -> None:
    """Clip the gradients by their global norm, then add weight decay where it applies."""
    if recipe.clip_norm is not None:
        norm = torch.linalg.vector_norm(flat.gradients)
        flat.gradients.mul_((recipe.clip_norm / (norm + 1e-6)).clamp_(max=1.0))
    if recipe.weight_decay:
        weights = flat.values[: flat.decayed]
        flat.gradients[: flat.decayed].add_(weights, alpha=recipe.weight_decay)
