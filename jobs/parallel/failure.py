"""Failures as values: what a user reads when a job did not reach its last epoch."""

import errno
import traceback

from compound.jobs.gpu.cuda_errors import finding, plain
from compound.schemas.errors import ArchitectureError, DataError, StoreError
from compound.schemas.job import Cause

GAVE_UP = "gave up: "
"""Before the JSON of a cause on stderr: why a rank failed that writes no result."""

GPU_LOST = "; this process can use its GPU no more"
"""Ends the message of a lost worker that itself has met an error from which CUDA never recovers."""

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
        super().__init__(f"worker {rank}: {cause.message.replace(GPU_LOST, '')}")
        self.cause = cause.model_copy(update={"message": str(self)})


def classify(error: Exception) -> Cause:
    """Say why a job failed, with the traceback's text.

    `worker lost` means of a lone process: it must end, for every later job on its GPU would fail.
    """
    if isinstance(error, PeerFailed):
        return error.cause
    text = str(error) or type(error).__name__
    trace = "".join(traceback.format_exception(error))
    fields = (
        {"kind": _kind_by_class(error), "message": text}
        if _kind_by_class(error)
        else _of_torch(error, text)
    )
    return Cause.model_validate({**fields, "traceback": trace})


def has_lost_gpu(cause: Cause) -> bool:
    """Whether the worker itself has met a sticky error, rather than missed another worker."""
    return cause.kind == "worker lost" and GPU_LOST in cause.message


def at_smallest_micro_batch(cause: Cause, micro: int) -> Cause:
    """Say of a job out of memory that its micro-batches of `micro` images cannot be halved."""
    if cause.kind != "out of memory" or micro % 2 == 0:
        return cause
    least = "one image at a time" if micro == 1 else f"{micro} images at a time, an odd number"
    return cause.model_copy(update={"message": f"even with {least}: {cause.message}"})


def _kind_by_class(error: Exception) -> str:
    """Return the kind of an error that says it by its class; "" for others."""
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, DataError | ArchitectureError):
        return "data"
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, StoreError) or number in _STORAGE:
        return "storage"
    short = isinstance(error, MemoryError) or number == errno.ENOMEM
    return "out of memory" if short else ""


def _of_torch(error: Exception, text: str) -> dict[str, str]:
    """Return what a cause says of an error of torch, CUDA or a collective."""
    diagnosis = finding(error, text)
    message = plain(text)
    if diagnosis.meaning == "process":
        first, *rest = message.split("\n")
        message = "\n".join([first + GPU_LOST, *rest])
    if diagnosis.fix:
        message = f"{message}\nTo mend it: {diagnosis.fix}."
    fix = diagnosis.fix if diagnosis.meaning == "setup" else ""
    return {"kind": _KINDS[diagnosis.meaning], "message": message, "fix": fix}
