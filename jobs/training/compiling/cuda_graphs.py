"""CUDA graphs: what records a GPU's work, and for which jobs."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn

from compound.jobs.models.convnet import ConvNet
from compound.jobs.parallel.process import Process
from compound.jobs.training.compiling.graphed_passes import Recorder
from compound.schemas.errors import RunError
from compound.schemas.recipe import Recipe

_HOSTS_PART = 0.8
"""Where launching takes more of a pass than this, the device waits for the host."""


class Cuda:
    """Records CUDA graphs, all in one pool of memory, as none runs beside another."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._number = torch.zeros((), device=device)

    def aside(self) -> AbstractContextManager[object]:
        """Use the stream of recordings, in order with the current one."""
        return _Aside(self._stream)

    def outrun(self, action: Callable[[], None]) -> bool:
        """Compare when the host was through with when the device was: two waits in a job."""
        torch.cuda.synchronize()
        begun = time.perf_counter()
        with self.aside():
            action()
        launched = time.perf_counter()
        torch.cuda.synchronize()
        return launched - begun > _HOSTS_PART * (time.perf_counter() - begun)

    def recorded(self, action: Callable[[], None]) -> Callable[[], None]:
        """Record in mode thread_local: the thread that writes checkpoints may use CUDA meanwhile.

        RuntimeError: something in it waits for the device, or there is no memory.
        """
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                action()
        except RuntimeError:
            # torch.cuda.graph leaves the stream only where capture_end succeeds (torch 2.13).
            torch.cuda.set_stream(current)
            self._recover()
            raise
        return graph.replay

    def _recover(self) -> None:
        """Let the generator know that the recording is over.

        torch tells it so where a recording ends well (CUDAGraph.cpp, capture_end). One that broke
        off might leave it with the recording's seed, and the same draws in every step: nothing
        would say so.
        """
        with torch.cuda.graph(torch.cuda.CUDAGraph(), stream=self._stream):
            self._number.add_(1)
        drawn = []
        for seed in (1, 2, 1):
            torch.cuda.manual_seed(seed)
            drawn.append(torch.rand(8, device=self._number.device))
        if torch.equal(drawn[0], drawn[1]) or not torch.equal(drawn[0], drawn[2]):
            raise RunError(
                "random numbers of the GPU no longer follow their seed",
                next_step="set `graphs: false`",
            )


class _Aside:
    """Work on another stream, after what was queued on the current one and before what will be."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream, self._context = stream, torch.cuda.stream(stream)

    def __enter__(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        self._context.__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)
        torch.cuda.current_stream().wait_stream(self._stream)


def recorder_for(recipe: Recipe, process: Process, module: nn.Module) -> Recorder | None:
    """Return what records a job's passes; None where they must be, or are best, taken plainly.

    A recording knows nothing of Python, and a user's network may decide in it what to do; workers
    talk to each other inside a pass; and what is compiled has few launches.
    """
    alone = process.device.type == "cuda" and process.world_size == 1
    if not alone or recipe.graphs is False or recipe.compile is True:
        return None
    return Cuda(process.device) if isinstance(module, ConvNet) else None
