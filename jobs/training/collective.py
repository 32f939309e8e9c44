"""What the ranks of a job tell each other; with one rank, nothing happens at all."""

import time
from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor, distributed

from jobs.training.failure import PeerFailed, classify
from jobs.training.process import Process
from schemas.job import Cause

Value = TypeVar("Value")

_LETTING_GO_S = 0.2


def summed(tensor: Tensor, process: Process) -> Tensor:
    """Add a tensor up over all ranks, in place."""
    if process.world_size > 1:
        distributed.all_reduce(tensor)
    return tensor


def least(tensor: Tensor, process: Process) -> Tensor:
    """Take the least of a tensor over all ranks, in place."""
    if process.world_size > 1:
        distributed.all_reduce(tensor, distributed.ReduceOp.MIN)
    return tensor


def averaged(tensor: Tensor, process: Process) -> Tensor:
    """Average a tensor over all ranks, in place."""
    return summed(tensor, process).div_(process.world_size) if process.world_size > 1 else tensor


def from_leader(tensor: Tensor, process: Process) -> Tensor:
    """Overwrite a tensor with the first rank's, in place."""
    if process.world_size > 1:
        distributed.broadcast(tensor, src=0)
    return tensor


def text_from(rank: int, text: str, process: Process) -> str:
    """Return the text that one rank holds, on every rank."""
    if process.world_size == 1:
        return text
    data = torch.tensor(list(text.encode()), dtype=torch.uint8, device=process.device)
    length = torch.tensor(len(data), device=process.device)
    distributed.broadcast(length, src=rank)
    if process.rank != rank:
        data = torch.empty(int(length), dtype=torch.uint8, device=process.device)
    distributed.broadcast(data, src=rank)
    return bytes(data.tolist()).decode()


def together(process: Process, action: Callable[[], Value]) -> Value:
    """Run an action that talks to no other rank; when it fails on one, raise on all of them.

    Without it the others would wait in their next collective for a rank that has given up.
    """
    if process.world_size == 1:
        return action()
    error, value = _attempted(action)
    failed = _first_failed(error, process)
    if failed == process.world_size:
        return cast(Value, value)
    cause = classify(error).model_dump_json() if error else ""
    told = Cause.model_validate_json(text_from(failed, cause, process))
    raise error or PeerFailed(failed, told)


def _attempted(action: Callable[[], Value]) -> tuple[Exception | None, Value | None]:
    try:
        return None, action()
    except Exception as error:  # raised again on every rank
        return error, None


def _first_failed(error: Exception | None, process: Process) -> int:
    mine = process.rank if error else process.world_size
    rank = torch.tensor(mine, device=process.device)
    distributed.all_reduce(rank, distributed.ReduceOp.MIN)
    return int(rank)


def leave() -> None:
    """End this process's group, when gloo's threads have let go of the tensors that they held.

    A thread does so once a collective is done, and needs the interpreter for it. fully_shard's
    group outlives its end, so nothing waits for its threads: one that is late would find the
    interpreter ending, and abort the process (torch 2.13). Whoever sleeps leaves it to them.
    """
    distributed.destroy_process_group()
    time.sleep(_LETTING_GO_S)
