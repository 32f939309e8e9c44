"""Failures as values: what a user reads when a job did not reach its last epoch."""

import errno
import traceback

import torch
from torch import distributed

from schemas.errors import ArchitectureError, DataError, StoreError
from schemas.job import Cause

GAVE_UP = "gave up: "
"""Before the JSON of a cause on stderr: why a rank failed that writes no result."""

_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
_PEER_GONE = ("Connection closed by peer", "Connection reset by peer", "Broken pipe")


class Diverged(Exception):
    """A loss that is not a finite number."""

    def __init__(self, epoch: int, name: str, value: float, step: int | None = None) -> None:
        """Say what is not finite; `step`: the first one, counted from 0, where it is known."""
        at = "" if step is None else f", first in step {step + 1}"
        super().__init__(f"{name} is {value} in epoch {epoch}{at}")
        self.epoch, self.step = epoch, step

    def located(self, where: str) -> "Diverged":
        """Return the error with the place where the numbers were lost."""
        if where:
            self.args = (f"{self}; {where}",)
        return self


class PeerFailed(Exception):
    """Another worker of the job failed, for the cause that it told."""

    def __init__(self, rank: int, cause: Cause) -> None:
        super().__init__(f"worker {rank}: {cause.message}")
        self.cause = cause.model_copy(update={"message": str(self)})


def classify(error: Exception) -> Cause:
    """Say why a job failed, with the traceback's text."""
    if isinstance(error, PeerFailed):
        return error.cause
    text = str(error) or type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return Cause.model_validate({"kind": _kind(error, text), "message": text, "traceback": trace})


def cornered(cause: Cause, micro: int) -> Cause:
    """Say of a job out of memory that its micro-batches of `micro` images cannot be halved."""
    if cause.kind != "out of memory" or micro % 2 == 0:
        return cause
    least = "one image at a time" if micro == 1 else f"{micro} images at a time, an odd number"
    return cause.model_copy(update={"message": f"even with {least}: {cause.message}"})


def _kind(error: Exception, text: str) -> str:
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, DataError | ArchitectureError):
        return "data"
    if isinstance(error, StoreError) or (isinstance(error, OSError) and error.errno in _STORAGE):
        return "storage"
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return "out of memory"
    if isinstance(error, distributed.DistError) or _says(error, text, _PEER_GONE):
        return "worker lost"
    return "out of memory" if _says(error, text, _NO_MEMORY) else "error"


def _says(error: Exception, text: str, phrases: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in phrases)
