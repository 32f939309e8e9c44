"""CUDA graphs: recording of a GPU's work, and the jobs that use it."""

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
"""The device waits for the host if launching takes a larger part of a pass than this."""


class Cuda:
    """Records CUDA graphs. They share one pool of memory, as no two run at the same time."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._number = torch.zeros((), device=device)

    def on_side_stream(self) -> AbstractContextManager[object]:
        """Use the recordings' stream, in order with the current stream."""
        return _SideStream(self._stream)

    def is_launch_bound(self, action: Callable[[], None]) -> bool:
        """Compare the host's time with the device's, which waits twice for the device."""
        torch.cuda.synchronize()
        begun = time.perf_counter()
        with self.on_side_stream():
            action()
        launched = time.perf_counter()
        torch.cuda.synchronize()
        return launched - begun > _HOSTS_PART * (time.perf_counter() - begun)

    def recorded(self, action: Callable[[], None]) -> Callable[[], None]:
        """Return a function that launches the recorded work again.

        RuntimeError: the action waits for the device, or there is no memory.
        """
        # thread_local: by default a recording fails if another thread calls CUDA meanwhile, as the
        # thread that writes checkpoints does.
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                action()
        except RuntimeError:
            # torch.cuda.graph leaves its stream only if capture_end succeeds (torch 2.13).
            torch.cuda.set_stream(current)
            self._recover()
            raise
        return graph.replay

    def _recover(self) -> None:
        """End the recording for the generator too. RunError: it no longer follows its seed."""
        # torch resets the generator only in a successful capture_end (CUDAGraph.cpp). After a
        # failed one it might keep the recording's seed, and draw the same numbers in every step.
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


class _SideStream:
    """Runs work on another stream, between earlier and later work of the current stream."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream, self._context = stream, torch.cuda.stream(stream)

    def __enter__(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        self._context.__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)
        torch.cuda.current_stream().wait_stream(self._stream)


def recorder_for(recipe: Recipe, process: Process, module: nn.Module) -> Recorder | None:
    """Return the recorder of a job's passes; None if they must, or should better, run unrecorded.

    A graph repeats no Python code, in which a user's network may branch. Several workers have
    collectives inside a pass. A compiled network has few launches.
    """
    alone = process.device.type == "cuda" and process.world_size == 1
    if not alone or recipe.graphs is False or recipe.compile is True:
        return None
    return Cuda(process.device) if isinstance(module, ConvNet) else None
