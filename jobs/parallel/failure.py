"""Errors of training as a `Cause`: what a user reads if a job did not reach its last epoch."""

import errno
import traceback

from compound.jobs.gpu.cuda_errors import finding, plain
from compound.jobs.runtime.users_line import with_users_line
from compound.schemas.errors import (
    ArchitectureError,
    CompoundError,
    DataError,
    OtherNetworkError,
    StoreError,
)
from compound.schemas.job import Cause

GAVE_UP = "gave up: "
"""Precedes the JSON of a cause on stderr, which says why a rank failed that writes no result."""

GPU_LOST = "; this process can no longer use its GPU"
"""Ends the message of a worker that has met an error from which CUDA never recovers."""

_UNREDUCED = "Expected to have finished reduction in the prior iteration"
"""DDP's words where a worker has no gradient for some weight (torch 2.13)."""
LEFT_OUT = (
    "the network leaves some weights out of some passes, and several workers average the gradients "
    "of all weights in each step: train with `workers: 1`, or multiply a branch by 0 instead of "
    "leaving it out"
)
"""A conditional branch that `plan` has not noticed."""

_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
_KINDS = {
    "memory": "out of memory",
    "process": "worker lost",
    "link": "worker lost",
    "setup": "error",
    "job": "error",
}


class Diverged(Exception):
    """A loss that is not a finite number."""

    def __init__(self, epoch: int, name: str, value: float, step: int | None = None) -> None:
        """Say what is not finite. `step`: the first such step, counted from 0, if it is known."""
        at = "" if step is None else f", first in step {step + 1}"
        super().__init__(f"{name} is {value} in epoch {epoch}{at}")
        self.epoch, self.step = epoch, step

    def located(self, where: str) -> "Diverged":
        """Return the error with the layer that put out the first such numbers."""
        if where:
            self.args = (f"{self}; {where}",)
        return self


class PeerFailed(Exception):
    """Another worker of the job failed, for the cause that it reported."""

    def __init__(self, rank: int, cause: Cause) -> None:
        super().__init__(f"worker {rank}: {cause.message.replace(GPU_LOST, '')}")
        self.cause = cause.model_copy(update={"message": str(self)})


def classify(error: Exception) -> Cause:
    """Say why a job failed, with the traceback's text.

    If a lone process gets `worker lost`, it must end: every later job on its GPU would fail.
    """
    if isinstance(error, PeerFailed):
        return error.cause
    text = _words(error)
    trace = "".join(traceback.format_exception(error))
    fields = (
        {"kind": _kind_by_class(error), "message": text}
        if _kind_by_class(error)
        else _of_torch(error, text)
    )
    return Cause.model_validate({**fields, "traceback": trace})


def _words(error: Exception) -> str:
    """Return an error's message, after its class where the message alone does not explain it.

    A KeyError's is only the key. Our own errors, and those of torch and of the operating system,
    are sentences.
    """
    text, kind = str(error), type(error)
    sentences = isinstance(error, CompoundError | Diverged | OSError) or kind is RuntimeError
    if text and (sentences or kind.__module__.partition(".")[0] == "torch"):
        return text
    return f"{kind.__name__}: {text}" if text else kind.__name__


def has_lost_gpu(cause: Cause) -> bool:
    """Whether the worker itself has lost its GPU, and not the connection to another worker."""
    return cause.kind == "worker lost" and GPU_LOST in cause.message


def at_smallest_micro_batch(cause: Cause, micro: int) -> Cause:
    """Add to `out of memory` that micro-batches of `micro` images cannot be halved again."""
    if cause.kind != "out of memory" or micro % 2 == 0:
        return cause
    least = "one image at a time" if micro == 1 else f"{micro} images at a time, an odd number"
    return cause.model_copy(update={"message": f"even with {least}: {cause.message}"})


def _kind_by_class(error: Exception) -> str:
    """Return the kind of an error that its class decides; "" if it does not."""
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, DataError | ArchitectureError | OtherNetworkError):
        return "data"
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, StoreError) or number in _STORAGE:
        return "storage"
    short = isinstance(error, MemoryError) or number == errno.ENOMEM
    return "out of memory" if short else ""


def _of_torch(error: Exception, text: str) -> dict[str, str]:
    """Return the fields of a cause for an error of torch, CUDA or a collective."""
    if _UNREDUCED in text:
        return {"kind": "error", "message": LEFT_OUT}
    diagnosis = finding(error, text)
    message = plain(text)
    if diagnosis.meaning == "process":
        first, *rest = message.split("\n")
        message = "\n".join([first + GPU_LOST, *rest])
    if diagnosis.fix:
        message = f"{message}\nTo fix it: {diagnosis.fix}."
    fix = diagnosis.fix if diagnosis.meaning == "setup" else ""
    kind = _KINDS[diagnosis.meaning]
    message = with_users_line(message, error) if kind == "error" else message
    return {"kind": kind, "message": message, "fix": fix}
