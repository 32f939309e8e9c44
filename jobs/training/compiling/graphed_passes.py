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

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from compound.jobs.data.augment.mixing import Batch

Pass = Callable[[Batch, Tensor, Tensor], None]
"""Takes a batch through the network and back; adds to sums (2,) and loss ()."""
Key = tuple[int, tuple[torch.Size | None, ...]]
"""Which micro-batch of a step, counted from 1, and the shapes of its tensors."""

Gradients = tuple[Tensor | None, ...]

WARM_UP = 3
"""Passes before recording: libraries choose their kernels and take their memory in them."""
_LEAST = 1e-5
_NOISE = 4.0
_NOTHING = 1e-6
"""What a replay may differ by, tensor by tensor: so much of the tensor's own norm; so many times as
much as one plain pass differs from another, whose kernels may add in any order; or so much of the
norm of all tensors of its kind. Some gradients are nothing but rounding, such as those of a bias
that the next batch norm takes away: they have no relative precision."""


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

    `state`: all tensors that a pass changes beside the weights' gradients. A recording counts once
    its numbers are those of a plain pass on the same images; where there is none, `note` says why.
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
        self._plainly = False
        self.note = ""
        self.replayed = 0
        """Passes that were taken by recordings."""

    def take(self, number: int, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Take the `number`th micro-batch of a step; its seed is the generator's."""
        if self._plainly:
            return self._plain(batch, sums, loss)
        key = number, tuple(None if one is None else one.shape for one in batch)
        self._passes[key] += 1
        recording = self._recordings.get(key)
        if recording and recording.fits:
            self.replayed += 1
            recording.take(batch, sums, loss)
        elif recording:
            self._plain(batch, sums, loss)
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
        self._plainly = True
        self._recordings.clear()
        self.note = f"graphs: trained without CUDA graphs, as {why}"


class _Gradients:
    """The gradients of weights, which a pass adds to, or makes where there are none yet."""

    def __init__(self, weights: Iterable[nn.Parameter]) -> None:
        self._weights = tuple(weights)

    def now(self) -> Gradients:
        """Return the tensors that the weights have for gradients."""
        return tuple(weight.grad for weight in self._weights)

    def put(self, gradients: Gradients) -> None:
        """Give the weights these very tensors."""
        for weight, gradient in zip(self._weights, gradients, strict=True):
            if weight.grad is not gradient:
                weight.grad = gradient


class _Recording:
    """A recorded pass, with memory of its own for what goes in and out.

    It adds to the gradients that the weights had when it was recorded, and leaves them those that
    they had after it: those are the tensors that it knows.
    """

    def __init__(
        self, plain: Pass, batch: Batch, gradients: _Gradients, recorder: Recorder
    ) -> None:
        self._gradients, self._before = gradients, gradients.now()
        # Of zeros: were a number of this batch to end up in the recording, it would be found out.
        empty = {n: torch.zeros_like(t) for n, t in batch._asdict().items() if t is not None}
        self._batch = Batch(**empty)
        device = batch.images.device
        self._sums = torch.zeros(2, dtype=torch.float64, device=device)
        self._loss = torch.zeros((), device=device)
        self._replay = recorder.recorded(lambda: plain(self._batch, self._sums, self._loss))
        self._after = gradients.now()

    @property
    def fits(self) -> bool:
        """Whether the weights have those gradients that the recording adds to, or none if none."""
        now = self._gradients.now()
        return all(
            gradient is recorded for gradient, recorded in zip(now, self._before, strict=True)
        )

    def take(self, batch: Batch, sums: Tensor, loss: Tensor) -> None:
        """Take other images of the same shapes."""
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
    """Return how often the largest difference of a replay fits into what is allowed; inf for NaN.

    The `first` tensors are of different kinds, each of its own scale; the rest are gradients.
    """
    norms, noise = _norms(plain), _apart(plain, again)
    scale = norms.clone()
    scale[first:] = torch.linalg.vector_norm(norms[first:])
    allowed = torch.stack([_LEAST * norms, _NOISE * noise, _NOTHING * scale]).amax(0)
    excess = _apart(plain, replayed) / allowed.clamp(min=1e-30)
    return float(torch.where(excess.isnan(), torch.inf, excess).max())


def _norms(tensors: Sequence[Tensor]) -> Tensor:
    floats = (tensor if tensor.is_floating_point() else tensor.double() for tensor in tensors)
    return torch.stack([torch.linalg.vector_norm(part, dtype=torch.float64) for part in floats])


def _apart(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    return _norms([a - b for a, b in zip(left, right, strict=True)])
