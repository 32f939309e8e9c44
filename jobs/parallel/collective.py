"""Collectives among the ranks of a job. With one rank they do nothing."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Literal, NoReturn, TypeVar, cast

import torch
from torch import Tensor, distributed

from compound.jobs.parallel.failure import PeerFailed, classify
from compound.jobs.parallel.process import Process
from compound.jobs.runtime.process_exit import end_now
from compound.schemas.job import Cause

Value = TypeVar("Value")

_RELEASE_S = 0.2

_NCCL = {
    # A collective that fails or times out ends the process, because its kernel would spin for ever.
    # 3 skips the clean-up, which can itself hang (torch's ProcessGroupNCCL: SkipCleanUp). Ray sets
    # 1, which cleans up.
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
    """Return one rank's text on every rank."""
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
    """Run an action without collectives on every rank. If it fails on one rank, raise on all.

    Otherwise the other ranks would wait for the failed one in their next collective.
    """
    if process.world_size == 1:
        return action()
    error, value = _attempted(action)
    failed = _first_failed(error, process)
    if failed == process.world_size:
        return cast(Value, value)
    cause = classify(error).model_dump_json() if error else ""
    failure = Cause.model_validate_json(text_from(failed, cause, process))
    raise error or PeerFailed(failed, failure)


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
    """Choose the back end of collectives by the GPUs of a worker."""
    # NCCL takes one rank per GPU and refuses a second one ("Duplicate GPU detected"), also if the
    # two ranks have two MIG instances of one GPU. gloo copies tensors to the host instead.
    divided = "MIG-" in os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return "nccl" if gpus >= 1 and not divided else "gloo"


def collective_timeout(patience: float) -> timedelta:
    """Return how long ranks wait in a collective, by the patience of their job in seconds.

    It is half an hour or more. A driver that hears the workers' heartbeats acts long before.
    """
    # torch's default is 30 minutes for gloo, but 10 for NCCL (torch 2.13): too short while the
    # first rank writes a checkpoint to a slow store.
    return timedelta(seconds=max(1800, int(2 * patience)))


def set_nccl_defaults() -> None:
    """Tell torch how to handle errors of NCCL, unless the user's environment does."""
    for name, value in _NCCL.items():
        os.environ.setdefault(name, value)


def join(process: Process, patience: float, gpus: float) -> None:
    """Join the group that the launcher's environment names."""
    backend = backend_for(gpus) if process.device.type == "cuda" else "gloo"
    set_nccl_defaults()
    distributed.init_process_group(
        backend,
        timeout=collective_timeout(patience),
        # With a device_id NCCL connects now and not in the first collective. Without one, a barrier
        # guesses the device from the rank (torch's ProcessGroupNCCL, guessDeviceId).
        device_id=process.device if backend == "nccl" else None,
    )


def leave() -> None:
    """Leave the process group, after all ranks have ended the job in the same way.

    A rank that has failed must not call it: NCCL would wait for ranks that never come. It ends its
    process instead, see `end_process`.
    """
    distributed.destroy_process_group()
    # gloo's threads release the tensors of a finished collective, for which they need the
    # interpreter. fully_shard keeps a reference to its group, so destroying it does not join these
    # threads: a late one would meet an ending interpreter and abort the process (torch 2.13).
    # Sleeping releases the GIL to them.
    time.sleep(_RELEASE_S)


def end_process(code: int) -> NoReturn:
    """End this process at once, without closing its process group or its device."""
    # A normal exit destroys both: after a failure of one rank NCCL waits there for the other ranks,
    # and a lost CUDA context aborts the process or hangs.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a full disk
            stream.flush()
    end_now(code)
