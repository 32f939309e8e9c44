"""torch.compile in a process that trains one job after another, and never silently left out.

Dynamo keeps the programs of all networks of a process under one piece of code, eight at most, and
runs what comes after them uncompiled. So each job begins without any, may have as many as it has
need of, and fails where it would take more.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from jobs.compilers import compilers
from jobs.data.sizes import sizes
from jobs.training.fused import rmsprop
from jobs.training.process import Process
from schemas.errors import PlanError
from schemas.job import TrainJob
from schemas.recipe import Recipe

_SPARE = 8
"""Programs of one piece of code beside those that are foreseen: as many as torch allows."""


def check_compiler(
    recipe: Recipe, device: torch.device, environment: Mapping[str, str] = os.environ
) -> None:
    """Raise PlanError where a network is to be compiled and this host has nothing to do it with."""
    if recipe.compile is not True:
        return
    names = compilers(device.type)
    if not any(map(shutil.which, names)):
        raise PlanError(
            f"torch.compile needs {' or '.join(names)}, and the worker's host has none",
            where="train.compile",
            next_step=f"install {names[0]} on the workers' hosts, or set `compile: false`",
        )
    for name in ("TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE"):
        if environment.get(name, "0") == "1":
            raise PlanError(
                f"the worker's environment has {name}=1, with which torch compiles nothing",
                where="train.compile",
                next_step=f"unset {name} on the workers' hosts, or set `compile: false`",
            )


def programs(job: TrainJob, process: Process, splits: int) -> int:
    """Return how many programs a compiled network is foreseen to need, at most.

    Each side of the images makes one, and each micro-batch of a step, as batch norm weighs it by a
    constant of its own; those of another size make a second.
    """
    planned = process.planned or process.world_size
    pieces = -(-planned * job.recipe.accumulate * splits // process.world_size)
    return 2 * pieces * len(sizes(job.recipe, job.architecture.resolution))


@contextmanager
def compiling(job: TrainJob, process: Process, splits: int) -> Iterator[None]:
    """Let torch compile what a job has need of, and raise where it would stop to do so.

    Newer torch keeps these settings for each thread apart, so they hold while a job computes, and
    not while its generator waits.
    """
    if job.recipe.compile is not True:
        yield
        return
    import torch._dynamo.config as dynamo  # seconds, which other jobs need not wait

    most = programs(job, process, splits) + _SPARE
    limits = {
        "recompile_limit": most,
        "accumulated_recompile_limit": max(most, dynamo.accumulated_recompile_limit),
        "fail_on_recompile_limit_hit": True,
        "suppress_errors": False,
    }
    with dynamo.patch(limits), _threads(process.threads):
        yield


def _threads(threads: int) -> Any:
    """Compile with the worker's CPUs; Inductor takes all of the host's, in every worker."""
    import torch._inductor.config as inductor

    if "TORCHINDUCTOR_COMPILE_THREADS" in os.environ:
        return nullcontext()
    return inductor.patch(compile_threads=threads)


def forget() -> None:
    """Drop all programs of this process, with the networks that they hold on to."""
    torch.compiler.reset()


class Compiled:
    """Counts what torch compiles of a network from here on."""

    def __init__(self) -> None:
        self._before = _counted()

    def told(self) -> str:
        """Say what of the network runs uncompiled, once a step was trained; empty: nothing does."""
        graphs, breaks = (
            now - before for now, before in zip(_counted(), self._before, strict=True)
        )
        if graphs <= 0:
            return "compile: true, but torch compiled nothing of this network: it ran uncompiled"
        if breaks:
            return f"compile: true, but what lies between {graphs} graphs of it ran uncompiled"
        return ""


def _counted() -> tuple[int, int]:
    """Return the graphs of networks that this process has compiled, and the breaks in them."""
    from torch._dynamo.eval_frame import _debug_get_cache_entry_list
    from torch._dynamo.utils import counters

    updates = len(_debug_get_cache_entry_list(rmsprop.__code__))
    return counters["stats"]["unique_graphs"] - updates, sum(counters["graph_break"].values())


def explained(error: Exception) -> Exception:
    """Say what to do about an error of torch.compile; other errors stay as they are."""
    if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return error
    told = PlanError(
        f"torch.compile gave up on this network: {_first_line(error.__cause__ or error)}",
        where="train.compile",
        next_step="set `compile: false`",
    )
    told.__cause__ = error
    return told


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
