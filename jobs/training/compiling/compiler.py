"""torch.compile in a process that trains one job after another, and never silently left out.

Dynamo keeps the programs of all networks of a process under one piece of code, eight at most, and
runs what comes after them uncompiled. So each job begins without any, may have as many as it has
need of, and fails where it would take more.
"""

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from types import CodeType
from typing import Any

import torch
from torch import nn

from compound.jobs.data.progressive_resizing import sizes
from compound.jobs.gpu.compilers import compilers
from compound.jobs.parallel.process import Process
from compound.jobs.training.optimiser.compiled_update import rmsprop
from compound.schemas.errors import PlanError
from compound.schemas.job import TrainJob
from compound.schemas.recipe import Recipe

_SPARE = 8
"""Programs of one piece of code beside those that are foreseen: as many as torch allows."""

_WRAPPERS = ("torch/_dynamo/external_utils.py", "torch/nn/parallel/distributed.py", "contextlib.py")
"""Code around a network: of torch.compile and of DistributedDataParallel, which it cannot trace."""


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
    """Watches what torch compiles of a network from here on.

    torch's own count of graph breaks lacks several kinds of them (torch 2.13: branches on values,
    breaks in loops, functions kept from it), so this goes by the code that was compiled: of a
    whole network that is its `forward` alone.
    """

    def __init__(self, network: nn.Module, world_size: int = 1) -> None:
        """`world_size`: several ranks wrap the network, and torch leaves their wrapper in parts."""
        self._whole = _functions(network.forward)
        self._alone = world_size == 1
        self._entries, self._breaks = _entries(), _breaks()
        self._since = time.time_ns() // 1000

    def note(self) -> str:
        """Say what of the network runs uncompiled, once a step was trained; empty: nothing does."""
        codes = [code for code, count in _entries().items() if count != self._entries.get(code)]
        parts = [code for code in codes if not code.co_filename.endswith(_WRAPPERS)]
        outside = [code for code in parts if code not in self._whole]
        breaks = list((_breaks() - self._breaks).keys()) if self._alone else []
        breaks += _refusals(self._since)
        if not any(_programs_of(code) for code in codes):
            return "compile: true, but torch compiled nothing of this network: it ran uncompiled"
        if not outside and not breaks:
            return ""
        reasons = [*map(_place_of, outside[:1]), *(_lines(text)[0] for text in breaks[:1])]
        return (
            "compile: true, but torch compiled this network in parts, and what lies between them "
            f"ran uncompiled; first: {', '.join(reasons)}"
        )


def _functions(forward: Any) -> set[CodeType]:
    """Return the code of a function, and of those that it wraps."""
    codes = set()
    while forward is not None:
        code = getattr(getattr(forward, "func", forward), "__code__", None)
        codes |= {code} if code else set()
        forward = getattr(forward, "__wrapped__", None)
    return codes


def _entries() -> dict[CodeType, int]:
    """Return the programs that this process has of networks' code, in the order it came.

    Code that goes on after a break is among it without programs too: it may hold no operation.
    """
    from torch._dynamo.convert_frame import input_codes
    from torch._dynamo.resume_execution import TORCH_DYNAMO_RESUME_IN_PREFIX

    codes = filter(None, (reference() for reference in input_codes.seen))
    counts = {code: _programs_of(code) for code in codes if code is not rmsprop.__code__}
    prefix = TORCH_DYNAMO_RESUME_IN_PREFIX
    return {code: n for code, n in counts.items() if n or code.co_name.startswith(prefix)}


def _programs_of(code: CodeType) -> int:
    from torch._dynamo.eval_frame import _debug_get_cache_entry_list

    return len(_debug_get_cache_entry_list(code))


def _breaks() -> Counter[str]:
    from torch._dynamo.utils import counters

    return Counter(counters["graph_break"])


def _refusals(since: int) -> list[str]:
    """Return why torch left functions of networks uncompiled since a time, in microseconds."""
    from torch._dynamo.utils import get_compilation_metrics

    refused = [
        metrics for metrics in get_compilation_metrics() if (metrics.start_time_us or 0) >= since
    ]
    return [
        str(metrics.fail_reason)
        for metrics in refused
        if metrics.fail_type and not str(metrics.co_filename).endswith(_WRAPPERS)
    ]


def _place_of(code: CodeType) -> str:
    """Say where a part of a network begins: after a break, or as a function of its own."""
    _, after, line = code.co_name.rpartition("_at_")
    if after and line.isdigit():
        return f"after {code.co_filename}:{line}"
    return f"{code.co_qualname} alone, of {code.co_filename}:{code.co_firstlineno}"


def explained(error: Exception) -> Exception:
    """Say what to do about an error of torch.compile; other errors stay as they are."""
    if not _is_torch_error(error):
        return error
    refusal = PlanError(
        f"torch.compile gave up on this network: {_first_line(error.__cause__ or error)}",
        where="train.compile",
        next_step="set `compile: false`",
    )
    refusal.__cause__ = error
    return refusal


def from_compiling(error: BaseException) -> bool:
    """Whether an error came out of torch.compile, or of a compiler that it has started."""
    started = isinstance(error, subprocess.CalledProcessError | BrokenProcessPool)
    return started or _is_torch_error(error)


def _is_torch_error(error: BaseException) -> bool:
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {_lines(str(error))[0]}"


def _lines(text: str) -> list[str]:
    return text.strip().splitlines() or [""]
