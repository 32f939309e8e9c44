"""A step of the optimiser: weight decay, update and average in one pass over memory."""

import torch

from compound.jobs.parallel.flat_parameters import Flat
from compound.jobs.training.optimiser.cache_blocks import CHUNK, CacheBlock, cache_blocks
from compound.jobs.training.optimiser.compiled_update import fused
from compound.jobs.training.optimiser.ema import Average
from compound.jobs.training.optimiser.optimiser import clip, optimiser
from compound.schemas.recipe import Recipe


class Update:
    """Updates a network by its gradients, one block of parameters at a time.

    All passes over a block run while it is in the cache, so memory is read and written once a step.
    Passes are element by element, so the length of the blocks changes no number.
    """

    def __init__(
        self,
        recipe: Recipe,
        flat: Flat,
        average: Average | None,
        length: int | None = CHUNK,
        *,
        compiled: bool = False,
    ) -> None:
        """`length`: parameters of a block on a CPU; on a GPU one block has all of them.

        `compiled`: RMSProp by torch.compile, which fuses all passes (see `fused`).
        """
        self._recipe, self._flat, self._average = recipe, flat, average
        self._optimiser = optimiser(recipe)
        self.slots = {
            name: torch.full_like(flat.gradients, start)
            for name, start in self._optimiser.starts.items()
        }
        """State as long as the parameters, by name; a part of every checkpoint."""
        device = flat.values.device
        self._fused = fused(recipe, device) if compiled else None
        size = None if self._fused or device.type != "cpu" else length
        averaged = average.values if average else None
        self._coupled = recipe.weight_decay > 0 and not self._optimiser.decoupled
        self._blocks = tuple(cache_blocks(flat, self.slots, averaged, size, self._coupled))

    @torch.no_grad()
    def step(self, rate: float, step: int) -> None:
        """Take the `step`th step, counted from 1, at a learning rate."""
        self._flat.gather_gradients()
        if self._recipe.clip_norm is not None:
            clip(self._flat, self._recipe.clip_norm)
        weight = self._average.weight(step) if self._average else 0.0
        for block in self._blocks:
            if self._fused:
                self._fused(block, rate, weight)
            else:
                self._change(block, rate, step, weight)
        if self._average:
            self._average.take_statistics(weight)
        self._flat.update_module()

    def _change(self, block: CacheBlock, rate: float, step: int, weight: float) -> None:
        if block.decayed:
            self._decay(block, rate)
        self._optimiser.move(block, rate, step)
        if block.average is not None:
            block.average.lerp_(block.parameters, weight)

    def _decay(self, block: CacheBlock, rate: float) -> None:
        """Apply weight decay to the weights, or add it to the gradients for the optimiser."""
        decay = self._recipe.weight_decay
        if self._coupled:
            torch.add(block.raw, block.parameters, alpha=decay, out=block.gradients)
        elif decay:
            block.parameters.mul_(1 - rate * decay)
