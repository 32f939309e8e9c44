"""What the ranks of a job tell each other; with one rank, nothing happens at all."""

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, NoReturn, TypeVar, cast

import torch
from torch import Tensor, distributed

from compound.jobs.parallel.failure import PeerFailed, classify
from compound.jobs.parallel.process import Process
from compound.schemas.job import Cause

Value = TypeVar("Value")

_LETTING_GO_S = 0.2

_NCCL = {
    # A collective that fails or waits too long ends the process: its kernel would spin for ever.
    # 3 leaves out cleaning up, which can hang itself (torch's ProcessGroupNCCL: SkipCleanUp);
    # Ray sets 1, which does not.
    "TORCH_NCCL_ASYNC_ERROR_HANDLING": "3",
    "TORCH_NCCL_BLOCKING_WAIT": "0",
}


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
    candidate = process.rank if error else process.world_size
    rank = torch.tensor(candidate, device=process.device)
    distributed.all_reduce(rank, distributed.ReduceOp.MIN)
    return int(rank)


def backend_for(gpus: float) -> Literal["nccl", "gloo"]:
    """Choose what collectives go through, by the GPUs of a worker.

    NCCL takes one rank a GPU, and refuses two ("Duplicate GPU detected"), so two MIG instances of
    one GPU too; gloo copies tensors to the host, and lets workers share a GPU.
    """
    divided = "MIG-" in os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return "nccl" if gpus >= 1 and not divided else "gloo"


def patience_of_group(patience: float) -> timedelta:
    """Return how long ranks wait in a collective, by the patience of their job in seconds.

    Half an hour at least, as gloo would: NCCL's own 10 minutes pass while the first rank writes a
    checkpoint to a slow store. Where a driver listens to the workers, it acts long before.
    """
    return timedelta(seconds=max(1800, int(2 * patience)))


def settle_nccl() -> None:
    """Say what torch is to do about errors of NCCL, where the user's environment does not."""
    for name, value in _NCCL.items():
        os.environ.setdefault(name, value)


def join(process: Process, patience: float, gpus: float) -> None:
    """Join the group that the launcher's environment names."""
    backend = backend_for(gpus) if process.device.type == "cuda" else "gloo"
    settle_nccl()
    distributed.init_process_group(
        backend,
        timeout=patience_of_group(patience),
        # Bound to its device, the group connects at once, and guesses none in a barrier.
        device_id=process.device if backend == "nccl" else None,
    )


def leave() -> None:
    """End this process's group, after all ranks have come to the same end.

    Gloo's threads let go of the tensors that they held once a collective is done, and need the
    interpreter for it. fully_shard's group outlives its end, so nothing waits for its threads: one
    that is late would find the interpreter ending, and abort the process (torch 2.13). Whoever
    sleeps leaves it to them.

    A rank that has failed must not call it: NCCL's end waits for ranks that will never come. It
    ends its process instead, see `end_process`.
    """
    distributed.destroy_process_group()
    time.sleep(_LETTING_GO_S)


def end_process(code: int) -> NoReturn:
    """End this process at once, with its group and its device as they are.

    The interpreter's own end would destroy both in turn: after a failure of one rank NCCL's waits
    for the others, and a context that is lost aborts the process or hangs.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
