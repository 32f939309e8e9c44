"""Forward and backward of a micro-batch as one launch, for a GPU that waits for launches.

A step of a small network is about 900 kernels of a few microseconds, and the host takes longer to
launch each than the device to run it. A CUDA graph is the same kernels, recorded once and launched
together. It repeats exactly what was recorded: numbers of the host become constants. So a graph has
forward, backward and the sums of one micro-batch of a step; images and seed are inputs. The update,
about one launch in 70, is not recorded, because its numbers change in every step: rate, weight of
the average, bias corrections.

Dropout draws the same numbers as without a graph: before each launch torch writes seed and offset
of its generator into memory that the kernels read (CUDAGeneratorImpl.cpp, replay_prologue).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from compound.jobs.data.augment.mixing import Batch

Pass = Callable[[Batch, Tensor, Tensor], None]
"""Runs forward and backward of a batch; adds to sums (2,) and loss ()."""
Key = tuple[int, tuple[torch.Size | None, ...]]
"""Which micro-batch of a step, counted from 1, and the shapes of its tensors."""

Gradients = tuple[Tensor | None, ...]

WARM_UP = 3
"""Passes before recording, in which libraries choose kernels and allocate memory."""
_LEAST = 1e-5
_NOISE = 4.0
_NOTHING = 1e-6
"""A replay may differ in each tensor by the largest of three: `_LEAST` of the tensor's own norm;
`_NOISE` times the difference of two plain passes, whose kernels may add in any order; `_NOTHING` of
the norm of all tensors of its kind. Some gradients are only rounding, such as those of a bias that
the next batch norm removes: they have no relative precision."""


class Recorder(Protocol):
    """Records the work of a device."""

    def on_side_stream(self) -> AbstractContextManager[object]:
        """Run work on the stream of recordings, in order with all other work."""
        ...

    def is_launch_bound(self, action: Callable[[], None]) -> bool:
        """Run an action; return whether the device spent most of it waiting for the host."""
        ...

    def recorded(self, action: Callable[[], None]) -> Callable[[], None]:
        """Return a function that repeats the device's work of an action."""
        ...


class Graphs:
    """Runs micro-batches through the network: first plainly, then by recordings.

    `state`: all tensors that a pass changes, except the weights' gradients. A recording is used if
    its numbers are those of a plain pass on the same images. If none is used, `note` says why.
    """

    def __init__(
        self,
        plain: Pass,
        weights: Iterable[nn.Parameter],
        state: Sequence[Tensor],
        generator: Generator,
        recorder: Recorder,
    ) -> None:
        self._plain, self._state, self._gradients = plain, tuple(state), _Gradients(weights)
        self._generator, self._recorder = generator, recorder
        self._passes: Counter[Key] = Counter()
        self._recordings: dict[Key, _Recording] = {}
        self._unrecorded = False
        self.note = ""
        self.replayed = 0
        """Number of passes that were run by recordings."""

    def take(self, number: int, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Run the `number`-th micro-batch of a step, with the generator's seed."""
        if self._unrecorded:
            return self._plain(batch, sums, loss)
        key = number, tuple(None if tensor is None else tensor.shape for tensor in batch)
        self._passes[key] += 1
        recording = self._recordings.get(key)
        if recording and recording.fits:
            self.replayed += 1
            recording.take(batch, sums, loss)
        elif recording:
            self._plain(batch, sums, loss)
        elif self._passes[key] < WARM_UP:
            with self._recorder.on_side_stream():
                self._plain(batch, sums, loss)
        elif self._passes[key] == WARM_UP:
            self._unrecorded = not self._recorder.is_launch_bound(
                lambda: self._plain(batch, sums, loss)
            )
        else:
            self._begin(key, batch, sums, loss)
        return None

    def _begin(self, key: Key, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Record this pass, run it plainly and by the recording, and compare the numbers."""
        changed = (*self._state, sums, loss)
        before, gradients = _copies(changed), self._gradients.now()
        gradient_values, seed = _copies(_present(gradients)), self._generator.initial_seed()

        def restore() -> None:
            self._gradients.put(gradients)
            _put_back((*changed, *_present(gradients)), (*before, *gradient_values))
            self._generator.manual_seed(seed)

        def outcome(take: Pass) -> list[Tensor]:
            restore()
            take(batch, sums, loss)
            return _copies((*changed, *_present(self._gradients.now())))

        try:
            plain, again = outcome(self._plain), outcome(self._plain)
            restore()
            recording = _Recording(self._plain, batch, self._gradients, self._recorder)
            replayed = outcome(recording.take)
            excess = max_excess(plain, again, replayed, len(changed))
        except RuntimeError as error:
            self._give_up(f"it cannot be recorded: {str(error).strip().splitlines()[0]}")
            outcome(self._plain)
            return
        if excess <= 1:
            self._recordings[key] = recording
        else:
            self._give_up(f"a recorded pass differs {excess:.2g} times as much as it may")
            outcome(self._plain)

    def _give_up(self, why: str) -> None:
        self._unrecorded = True
        self._recordings.clear()
        self.note = f"graphs: trained without CUDA graphs, as {why}"


class _Gradients:
    """The gradients of weights, to which a pass adds; it makes those that do not exist yet."""

    def __init__(self, weights: Iterable[nn.Parameter]) -> None:
        self._weights = tuple(weights)

    def now(self) -> Gradients:
        """Return the weights' gradient tensors."""
        return tuple(weight.grad for weight in self._weights)

    def put(self, gradients: Gradients) -> None:
        """Give the weights these tensors as gradients, without a copy."""
        for weight, gradient in zip(self._weights, gradients, strict=True):
            if weight.grad is not gradient:
                weight.grad = gradient


class _Recording:
    """A recorded pass, with its own memory for inputs and outputs.

    It adds to the gradient tensors that the weights had when it was recorded, and leaves those that
    they had after it, because a graph uses fixed addresses.
    """

    def __init__(
        self, plain: Pass, batch: Batch, gradients: _Gradients, recorder: Recorder
    ) -> None:
        self._gradients, self._before = gradients, gradients.now()
        # Zeros, and not this batch: if a number of the batch became a constant of the recording,
        # the comparison with a plain pass would find it.
        empty = {n: torch.zeros_like(t) for n, t in batch._asdict().items() if t is not None}
        self._batch = Batch(**empty)
        device = batch.images.device
        self._sums = torch.zeros(2, dtype=torch.float64, device=device)
        self._loss = torch.zeros((), device=device)
        self._replay = recorder.recorded(lambda: plain(self._batch, self._sums, self._loss))
        self._after = gradients.now()

    @property
    def fits(self) -> bool:
        """Whether the weights have the gradient tensors to which the recording adds."""
        now = self._gradients.now()
        return all(
            gradient is recorded for gradient, recorded in zip(now, self._before, strict=True)
        )

    def take(self, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Run the recording on images of the same shapes."""
        for own, tensor in zip(self._batch, batch, strict=True):
            if own is not None and tensor is not None:
                own.copy_(tensor)
        self._sums.copy_(sums)
        self._loss.copy_(loss)
        self._replay()
        self._gradients.put(self._after)
        sums.copy_(self._sums)
        loss.copy_(self._loss)


def _present(gradients: Gradients) -> list[Tensor]:
    return [gradient for gradient in gradients if gradient is not None]


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


@torch.no_grad()
def _put_back(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def max_excess(
    plain: Sequence[Tensor], again: Sequence[Tensor], replayed: Sequence[Tensor], first: int
) -> float:
    """Return the largest difference of a replay over the allowed one; inf for NaN.

    The `first` tensors are of different kinds, each with its own scale; the rest are gradients.
    """
    norms, noise = _norms(plain), _differences(plain, again)
    scale = norms.clone()
    scale[first:] = torch.linalg.vector_norm(norms[first:])
    allowed = torch.stack([_LEAST * norms, _NOISE * noise, _NOTHING * scale]).amax(0)
    excess = _differences(plain, replayed) / allowed.clamp(min=1e-30)
    return float(torch.where(excess.isnan(), torch.inf, excess).max())


def _norms(tensors: Sequence[Tensor]) -> Tensor:
    floats = (tensor if tensor.is_floating_point() else tensor.double() for tensor in tensors)
    return torch.stack([torch.linalg.vector_norm(part, dtype=torch.float64) for part in floats])


def _differences(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    return _norms([a - b for a, b in zip(left, right, strict=True)])
