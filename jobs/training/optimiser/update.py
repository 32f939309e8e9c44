"""A step of the optimiser: weight decay, movement and average in one walk through memory."""

import torch

from compound.jobs.parallel.flat_parameters import Flat
from compound.jobs.training.optimiser.cache_blocks import CHUNK, CacheBlock, cache_blocks
from compound.jobs.training.optimiser.compiled_update import fused
from compound.jobs.training.optimiser.ema import Average
from compound.jobs.training.optimiser.optimiser import clip, optimiser
from compound.schemas.recipe import Recipe


class Update:
    """Changes a network by its gradients, a run of parameters at a time.

    A run takes all its passes while the cache holds it, so memory is read and written once a
    step. Passes are element by element: the length of the runs changes no number.
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
        """`length`: parameters of a run on a CPU; a GPU takes all at once.

        `compiled`: RMSProp by torch.compile, in which all passes are one (see `fused`).
        """
        self._recipe, self._flat, self._average = recipe, flat, average
        self._optimiser = optimiser(recipe)
        self.slots = {
            name: torch.full_like(flat.gradients, start)
            for name, start in self._optimiser.starts.items()
        }
        """State as long as the parameters, by name, which a checkpoint keeps."""
        device = flat.values.device
        self._fused = fused(recipe, device) if compiled else None
        size = None if self._fused or device.type != "cpu" else length
        averaged = average.values if average else None
        self._coupled = recipe.weight_decay > 0 and not self._optimiser.decoupled
        self._runs = tuple(cache_blocks(flat, self.slots, averaged, size, self._coupled))

    @torch.no_grad()
    def step(self, rate: float, step: int) -> None:
        """Take the `step`th step, counted from 1, at a learning rate."""
        self._flat.gather_gradients()
        if self._recipe.clip_norm is not None:
            clip(self._flat, self._recipe.clip_norm)
        weight = self._average.weight(step) if self._average else 0.0
        for run in self._runs:
            if self._fused:
                self._fused(run, rate, weight)
            else:
                self._changed(run, rate, step, weight)
        if self._average:
            self._average.take_statistics(weight)
        self._flat.publish()

    def _changed(self, run: CacheBlock, rate: float, step: int, weight: float) -> None:
        if run.decayed:
            self._decay(run, rate)
        self._optimiser.move(run, rate, step)
        if run.average is not None:
            run.average.lerp_(run.parameters, weight)

    def _decay(self, run: CacheBlock, rate: float) -> None:
        """Apply weight decay to the weights, or to what the optimiser takes for gradients."""
        decay = self._recipe.weight_decay
        if self._coupled:
            torch.add(run.raw, run.parameters, alpha=decay, out=run.gradients)
        elif decay:
            run.parameters.mul_(1 - rate * decay)
