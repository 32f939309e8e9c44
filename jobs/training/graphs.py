"""A micro-batch's way through the network and back as one launch, where a GPU waits for launches.

A step of a small network is some nine hundred kernels of a few microseconds, each of which takes
the host longer to launch than the device to run. A CUDA graph is those very kernels, recorded once
and launched together. It does again what was recorded and nothing else: numbers of the host become
constants in it. So it holds forward, backward and the sums, one graph for each micro-batch of a
step, whose images and seed go in from outside. The update, about one launch in seventy, stays
outside with all that changes from step to step: rate, average's weight, bias corrections.

Dropout draws what it draws without a graph: before each launch torch writes seed and offset of its
generator into the memory that the recorded kernels read (CUDAGeneratorImpl.cpp, replay_prologue).
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Generator, Tensor

from jobs.data.mixing import Batch
from jobs.models.convnet import ConvNet
from jobs.training.process import Process
from schemas.errors import RunError
from schemas.recipe import Recipe

Pass = Callable[[Batch, Tensor, Tensor], None]
"""Takes a batch through the network and back; adds to sums (2,) and loss ()."""
Key = tuple[int, tuple[torch.Size | None, ...]]
"""Which micro-batch of a step, counted from 1, and the shapes of its tensors."""

WARM_UP = 3
"""Passes before recording: libraries choose their kernels and take their memory in them."""
_HOSTS_PART = 0.8
"""Where launching takes more of a pass than this, the device waits for the host."""
_LEAST = 1e-5
_NOISE = 4.0
"""A replay may differ from a plain pass by so much of the result's norm, or by so many times as
much as one plain pass does from another, whose kernels may add in any order."""


class Recorder(Protocol):
    """What records the work of a device."""

    def aside(self) -> AbstractContextManager[object]:
        """Let work go where recordings are made, after and before all other work."""
        ...

    def outrun(self, action: Callable[[], None]) -> bool:
        """Run an action; return whether the device spent its time in waiting for the host."""
        ...

    def recorded(self, action: Callable[[], None]) -> Callable[[], None]:
        """Return what does the same work again, without the host's part in it."""
        ...


class Graphs:
    """Takes micro-batches through the network: first as they come, then by recordings.

    `state`: all tensors that a pass changes. A recording counts once its numbers are those of a
    plain pass on the same images; where there is none, `told` says why.
    """

    def __init__(
        self, plain: Pass, state: Sequence[Tensor], generator: Generator, recorder: Recorder
    ) -> None:
        self._plain, self._state = plain, tuple(state)
        self._generator, self._recorder = generator, recorder
        self._passes: Counter[Key] = Counter()
        self._recordings: dict[Key, _Recording] = {}
        self._plainly = False
        self.told = ""
        self.replayed = 0
        """Passes that were taken by recordings."""

    def take(self, place: int, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Take the `place`th micro-batch of a step; its seed is the generator's."""
        if self._plainly:
            return self._plain(batch, sums, loss)
        key = place, tuple(None if one is None else one.shape for one in batch)
        self._passes[key] += 1
        if key in self._recordings:
            self.replayed += 1
            self._recordings[key].take(batch, sums, loss)
        elif self._passes[key] < WARM_UP:
            with self._recorder.aside():
                self._plain(batch, sums, loss)
        elif self._passes[key] == WARM_UP:
            self._plainly = not self._recorder.outrun(lambda: self._plain(batch, sums, loss))
        else:
            self._begin(key, batch, sums, loss)
        return None

    def _begin(self, key: Key, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Record this pass, and take it plainly and by the recording, to compare them."""
        changed = (*self._state, sums, loss)
        before, seed = _copies(changed), self._generator.initial_seed()

        def outcome(take: Pass) -> list[Tensor]:
            _put_back(changed, before)
            self._generator.manual_seed(seed)
            take(batch, sums, loss)
            return _copies(changed)

        plain, again = outcome(self._plain), outcome(self._plain)
        try:
            recording = _Recording(self._plain, batch, self._recorder)
            difference = _distance(plain, outcome(recording.take))
        except RuntimeError as error:
            self._give_up(f"it cannot be recorded: {str(error).strip().splitlines()[0]}")
            outcome(self._plain)
            return
        if difference <= max(_LEAST, _NOISE * _distance(plain, again)):
            self._recordings[key] = recording
        else:
            self._give_up(f"a recorded pass differs from a plain one by {difference:.2g}")
            outcome(self._plain)

    def _give_up(self, why: str) -> None:
        self._plainly = True
        self._recordings.clear()
        self.told = f"graphs: trained without CUDA graphs, as {why}"


class _Recording:
    """A recorded pass, with memory of its own for what goes in and out."""

    def __init__(self, plain: Pass, batch: Batch, recorder: Recorder) -> None:
        # Of zeros: were a number of this batch to end up in the recording, it would be found out.
        empty = {n: torch.zeros_like(t) for n, t in batch._asdict().items() if t is not None}
        self._batch = Batch(**empty)
        device = batch.images.device
        self._sums = torch.zeros(2, dtype=torch.float64, device=device)
        self._loss = torch.zeros((), device=device)
        self._replay = recorder.recorded(lambda: plain(self._batch, self._sums, self._loss))

    def take(self, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Take other images of the same shapes."""
        for own, given in zip(self._batch, batch, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
        self._sums.copy_(sums)
        self._loss.copy_(loss)
        self._replay()
        sums.copy_(self._sums)
        loss.copy_(self._loss)


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
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                action()
        except RuntimeError:
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


def recorder_for(recipe: Recipe, process: Process, module: torch.nn.Module) -> Recorder | None:
    """Return what records a job's passes; None where they must be, or are best, taken plainly.

    A recording knows nothing of Python, and a user's network may decide in it what to do; workers
    talk to each other inside a pass; and what is compiled has few launches.
    """
    alone = process.device.type == "cuda" and process.world_size == 1
    if not alone or recipe.graphs is False or recipe.compile is True:
        return None
    return Cuda(process.device) if isinstance(module, ConvNet) else None


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [one.detach().clone() for one in tensors]


@torch.no_grad()
def _put_back(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def _distance(left: Sequence[Tensor], right: Sequence[Tensor]) -> float:
    """Return the largest difference between two tensors, relative to the norm of the first."""
    pairs = [(one.double(), other.double()) for one, other in zip(left, right, strict=True)]
    apart = [(one - other).norm() / one.norm().clamp(min=1e-30) for one, other in pairs]
    return max(float(distance) for distance in apart)
