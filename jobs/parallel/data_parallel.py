"""What the loop calls in place of the network: compiled, and with gradients shared by ranks."""

import warnings
from typing import cast

import torch
from torch import Tensor, distributed, nn
from torch._C._distributed_c10d import GradBucket
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from compound.jobs.parallel.process import Process
from compound.schemas.recipe import Recipe


def wrapped(module: nn.Module, recipe: Recipe, process: Process) -> nn.Module:
    """Return a network to train with; with several ranks all have to call this at the same time.

    Each rank normalises by its own batches, unless they are gathered; the running statistics are
    averaged over the ranks after every epoch, so they are not sent around at each step. Images
    that grow get a compiled program for each side: one for all sides would be slower at every one.
    A network that is divided among the ranks shares gradients by itself.
    """
    if process.sharded:
        return module
    model = _shared(module, recipe) if process.world_size > 1 else module
    if recipe.compile is not True:
        return model
    return cast(nn.Module, torch.compile(model, dynamic=False if recipe.resizing else None))


def _shared(module: nn.Module, recipe: Recipe) -> nn.Module:
    with warnings.catch_warnings():  # newer torch renames the option, older lacks the name
        warnings.simplefilter("ignore", FutureWarning)
        model = DistributedDataParallel(module, broadcast_buffers=False)
    if recipe.gradients == "bfloat16":
        model.register_comm_hook(None, _halved)
    return model


def _halved(state: object, bucket: GradBucket) -> Future[Tensor]:
    """Average a bucket of gradients in bfloat16; torch's own hook does so with NCCL alone."""
    small = bucket.buffer().to(torch.bfloat16).div_(distributed.get_world_size())
    work = distributed.all_reduce(small, async_op=True)
    assert work is not None

    def unpacked(done: Future[list[Tensor]]) -> Tensor:
        return bucket.buffer().copy_(done.value()[0])

    averaged: Future[Tensor] = work.get_future().then(unpacked)
    return averaged
