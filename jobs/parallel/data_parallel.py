"""Data-parallel training: every rank has the whole network, and the ranks average gradients."""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, distributed, nn
from torch._C._distributed_c10d import GradBucket
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from compound.jobs.data.batches import Batch, Source
from compound.jobs.parallel.flat_parameters import Flat, flatten
from compound.jobs.parallel.process import Process
from compound.jobs.parallel.strategy import Strategy
from compound.schemas.recipe import Recipe


class DataParallel:
    """`parallel: none`, on one rank or on several."""

    def flatten(
        self, module: nn.Module, recipe: Recipe, process: Process, *, batch: int, micro: int
    ) -> Flat:
        """Put the whole network into flat buffers; any number of micro-batches will do."""
        return flatten(module, process.device)

    def wrap(self, module: nn.Module, recipe: Recipe, process: Process) -> nn.Module:
        """Return the network compiled, and with DistributedDataParallel if there are several ranks.

        Each rank normalises by its own batches, unless they are gathered. The running statistics
        are averaged over the ranks after every epoch, so they are not sent at each step.
        """
        model = _averaging(module, recipe) if process.world_size > 1 else module
        if recipe.compile is not True:
            return model
        # Growing images get one program for each side: a program for all sides is slower at each.
        return cast(nn.Module, torch.compile(model, dynamic=False if recipe.resizing else None))

    def unsynchronised(self, model: nn.Module, process: Process) -> AbstractContextManager[None]:
        """Let a micro-batch add to the gradients without sending them."""
        if process.world_size == 1:
            return nullcontext()
        context: AbstractContextManager[None] = model.no_sync()  # type: ignore[operator]
        return context

    def validation(
        self, source: Source, resolution: int, process: Process, size: int
    ) -> Iterator[Batch]:
        """Yield this rank's validation images; ranks may take unlike numbers of batches."""
        return source.validation(process.rank, process.world_size, size)


STRATEGY: Strategy = DataParallel()


def _averaging(module: nn.Module, recipe: Recipe) -> nn.Module:
    with warnings.catch_warnings():
        # torch 2.13 has renamed broadcast_buffers and warns of the old name; older torch has only
        # the old one.
        warnings.simplefilter("ignore", FutureWarning)
        model = DistributedDataParallel(module, broadcast_buffers=False)
    if recipe.gradients == "bfloat16":
        model.register_comm_hook(None, average_in_bfloat16)
    return model


def average_in_bfloat16(state: object, bucket: GradBucket) -> Future[Tensor]:
    """Average a bucket of gradients over the ranks, sent in bfloat16."""
    # torch's bf16_compress_hook does the same, but DDP refuses it where there is no NCCL.
    small = bucket.buffer().to(torch.bfloat16).div_(distributed.get_world_size())
    work = distributed.all_reduce(small, async_op=True)
    assert work is not None

    def unpacked(done: Future[list[Tensor]]) -> Tensor:
        return bucket.buffer().copy_(done.value()[0])

    averaged: Future[Tensor] = work.get_future().then(unpacked)
    return averaged
