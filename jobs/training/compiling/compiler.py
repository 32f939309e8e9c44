"""torch.compile in a process that trains one job after another, and never silently without it.

Dynamo keeps the programs of all networks of a process under one code object, eight at most, and
runs later networks uncompiled. So each job starts without programs, may have as many as it needs,
and fails if it would need more.
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
from compound.jobs.parallel.process import Process
from compound.jobs.training.optimiser.compiled_update import rmsprop
from compound.schemas.errors import PlanError
from compound.schemas.job import TrainJob
from compound.schemas.recipe import Recipe

_SPARE = 8
"""Programs of one code object beyond the predicted ones: torch's own limit."""

_WRAPPERS = ("torch/_dynamo/external_utils.py", "torch/nn/parallel/distributed.py", "contextlib.py")
"""Code around a network that Dynamo cannot trace: of torch.compile and DistributedDataParallel."""


def check_compiler(
    recipe: Recipe, device: torch.device, environment: Mapping[str, str] = os.environ
) -> None:
    """Raise PlanError if a network is to be compiled and this host cannot compile."""
    if recipe.compile is not True:
        return
    from compound.jobs.gpu.compilers import compilers

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
    """Return the largest number of programs that a compiled network is predicted to need.

    There is one for each side of the images and each micro-batch of a step, because batch norm
    weighs every micro-batch by its own constant. Micro-batches of another size need a second one.
    """
    planned = process.planned or process.world_size
    pieces = -(-planned * job.recipe.accumulate * splits // process.world_size)
    return 2 * pieces * len(sizes(job.recipe, job.architecture.resolution))


@contextmanager
def compiling(job: TrainJob, process: Process, splits: int) -> Iterator[None]:
    """Let torch compile as many programs as a job needs, and raise if it needs more."""
    # These settings are thread-local (torch 2.13), so they are set while a job computes, and not
    # while its generator waits.
    if job.recipe.compile is not True:
        yield
        return
    import torch._dynamo.config as dynamo  # takes seconds, only needed by compiled jobs

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
    """Compile with the worker's CPUs; by default Inductor uses those of the whole host."""
    import torch._inductor.config as inductor

    if "TORCHINDUCTOR_COMPILE_THREADS" in os.environ:
        return nullcontext()
    return inductor.patch(compile_threads=threads)


def drop_programs() -> None:
    """Drop all programs of this process, and the networks that they refer to."""
    torch.compiler.reset()


class Compiled:
    """Records what torch compiles of a network from now on.

    torch's own counter of graph breaks lacks several kinds of them (torch 2.13: branches on values,
    breaks in loops, excluded functions). So this compares the compiled code objects: a network that
    is compiled as a whole has only one, its `forward`.
    """

    def __init__(self, network: nn.Module, world_size: int = 1) -> None:
        """`world_size`: several ranks have the network in DDP, which torch compiles in parts."""
        self._whole = _functions(network.forward)
        self._alone = world_size == 1
        self._entries, self._breaks = _entries(), _breaks()
        self._since = time.time_ns() // 1000

    def note(self) -> str:
        """Say what of the network runs uncompiled, after the first step; empty: nothing does."""
        codes = [code for code, count in _entries().items() if count != self._entries.get(code)]
        parts = [code for code in codes if not code.co_filename.endswith(_WRAPPERS)]
        outside = [code for code in parts if code not in self._whole]
        breaks = list((_breaks() - self._breaks).keys()) if self._alone else []
        breaks += _refusals(self._since)
        if not any(_programs_of(code) for code in codes):
            return "compile: true, but torch compiled nothing of this network: it ran uncompiled"
        if not outside and not breaks:
            return ""
        reasons = [*map(_source_line, outside[:1]), *(_lines(text)[0] for text in breaks[:1])]
        return (
            "compile: true, but torch compiled this network in parts, and the code between them "
            f"ran uncompiled; first: {', '.join(reasons)}"
        )


def _functions(forward: Any) -> set[CodeType]:
    """Return the code objects of a function, and of those that it wraps."""
    codes = set()
    while forward is not None:
        code = getattr(getattr(forward, "func", forward), "__code__", None)
        codes |= {code} if code else set()
        forward = getattr(forward, "__wrapped__", None)
    return codes


def _entries() -> dict[CodeType, int]:
    """Return the number of programs of each code object of networks, in the order of compilation.

    Code that continues after a graph break is included without programs too: it may be empty.
    """
    # Private modules (torch 2.13): torch has no public way to list what was compiled.
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
    """Return why torch left functions of networks uncompiled, since a time in microseconds."""
    from torch._dynamo.utils import get_compilation_metrics

    refused = [
        metrics for metrics in get_compilation_metrics() if (metrics.start_time_us or 0) >= since
    ]
    return [
        str(metrics.fail_reason)
        for metrics in refused
        if metrics.fail_type and not str(metrics.co_filename).endswith(_WRAPPERS)
    ]


def _source_line(code: CodeType) -> str:
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
    """Whether an error came from torch.compile or from a compiler process that it started."""
    started = isinstance(error, subprocess.CalledProcessError | BrokenProcessPool)
    return started or _is_torch_error(error)


def _is_torch_error(error: BaseException) -> bool:
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {_lines(str(error))[0]}"


def _lines(text: str) -> list[str]:
    return text.strip().splitlines() or [""]
