"""What the ranks of a job do to train one network together: the part that needs torch."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Protocol, cast

from torch import nn

from compound.jobs.data.batches import Batch, Source
from compound.jobs.parallel.flat_parameters import Flat
from compound.jobs.parallel.process import Process
from compound.schemas.recipe import Recipe


class Strategy(Protocol):
    """One way to train a network on several ranks; a lone rank always uses `none`.

    What is gathered, saved and restored is in the buffers that `flatten` returns, see `Flat`.
    """

    def flatten(
        self, module: nn.Module, recipe: Recipe, process: Process, *, batch: int, micro: int
    ) -> Flat:
        """Put what this rank has of a network into flat buffers on its device.

        `batch`: images of an optimiser step over all ranks; `micro`: of a micro-batch of one rank.
        PlanError: the recipe or the batch does not suit the strategy.
        """
        ...

    def wrap(self, module: nn.Module, recipe: Recipe, process: Process) -> nn.Module:
        """Return the network to train with. All ranks have to call this at the same time."""
        ...

    def unsynchronised(self, model: nn.Module, process: Process) -> AbstractContextManager[None]:
        """Return a context for a micro-batch that is not the last of its step."""
        ...

    def validation(
        self, source: Source, resolution: int, process: Process, size: int
    ) -> Iterator[Batch]:
        """Yield this rank's validation images, in batches of at most `size`."""
        ...


def strategy_of(process: Process) -> Strategy:
    """Return the strategy of a process, whose file is imported only now."""
    # torch.distributed.fsdp takes about a second to import, which other strategies save.
    return cast(Strategy, import_module(process.traits.module).STRATEGY)
