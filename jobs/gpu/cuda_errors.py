"""The meaning of errors of CUDA and its libraries for a job, by torch's code or by their text.

An error of a kernel is sticky: the process's context is lost, and every later call to the device
fails too (CUDA Runtime API, cudaError_t). An error for lack of memory is not sticky.
"""

import re
import subprocess
from dataclasses import dataclass

import torch
from torch import distributed

from compound.jobs.gpu.cuda_error_texts import (
    CODES,
    COLLECTIVE,
    KERNEL,
    LINK,
    MEMORY,
    OF_DEVICE,
    OF_GROUP,
    OF_MEMORY,
    PROCESS,
    SETUP,
    SHM,
    Meaning,
)


@dataclass(frozen=True)
class Finding:
    """The meaning of an error, and its fix where one is known."""

    meaning: Meaning
    fix: str = ""


def finding(error: BaseException, text: str) -> Finding:
    """Return the meaning of an error: by the device's state, its code, its class, then its text.

    Where they decide nothing, the error that it was raised from is classified.
    """
    if _context_is_lost():
        return Finding("process")
    result = _classified(error, plain(text).lower()) if _of_torch(error) else Finding("job")
    if result.meaning == "job" and error.__cause__ is not None:
        return finding(error.__cause__, str(error.__cause__))
    return result


def _classified(error: BaseException, words: str) -> Finding:
    if isinstance(error, torch.OutOfMemoryError):
        return Finding("memory")
    coded, fix = _coded(error), _fix(words)
    if coded is not None:
        return Finding(coded, fix if coded == "setup" else "")
    by_text = _by_text(words, fix, isinstance(error, torch.AcceleratorError))
    collective = isinstance(error, distributed.DistError) and not _any((COLLECTIVE,), words)
    return Finding("link") if by_text.meaning == "job" and collective else by_text


def _by_text(words: str, fix: str, of_accelerator: bool) -> Finding:
    """Classify by the text alone; `of_accelerator`: the class of the error is torch's own."""
    if _any((KERNEL, COLLECTIVE), words):
        return Finding("job")
    # NCCL's own use of /dev/shm: a smaller batch does not help.
    if _any((r"shm/nccl|nccl-shm|shared memory segment",), words):
        return Finding("link", SHM)
    if fix:
        return Finding("setup", fix)
    if _any(MEMORY, words) and _any((OF_MEMORY,), words):
        return Finding("memory")
    if _any(PROCESS, words) and (of_accelerator or _any((OF_DEVICE,), words)):
        return Finding("process")
    return Finding("link" if _any(LINK, words) and _any((OF_GROUP,), words) else "job")


def _of_torch(error: BaseException) -> bool:
    """Whether an error may come from torch, Triton or CUDA, which raise RuntimeError mostly."""
    named = type(error).__module__.partition(".")[0] in ("torch", "triton")
    builtin = (
        RuntimeError
        | AssertionError
        | TimeoutError
        | ConnectionError
        | subprocess.CalledProcessError  # a compiler's, which Triton passes on as it is
    )
    return named or isinstance(error, builtin)


def _coded(error: BaseException) -> Meaning | None:
    code = getattr(error, "error_code", None)
    if not isinstance(code, int):
        return None
    return next((meaning for meaning, codes in CODES.items() if code in codes), None)


def _fix(words: str) -> str:
    return next((fix for pattern, fix in SETUP if re.search(pattern, words)), "")


def _any(patterns: tuple[str, ...], words: str) -> bool:
    return any(re.search(pattern, words) for pattern in patterns)


def _context_is_lost() -> bool:
    """Return whether the device no longer answers. Neither call waits for work in progress."""
    # After a sticky error every call returns it, so the text of the first error does not matter. A
    # synchronize() would detect more, but may block for ever in a collective that a peer left.
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return False
    try:
        torch.cuda.current_stream().query()
        torch.cuda.mem_get_info()
    except RuntimeError as error:  # other errors are temporary, as during a graph capture
        return _coded(error) == "process" or _any(PROCESS, plain(str(error)).lower())
    return False


_NOISE = (
    "CUDA kernel errors might be",
    "For debugging consider",
    "Compile with `TORCH_USE_CUDA_DSA`",
    "Device-side assertion tracking was not enabled",
    "Search for `cuda",
    "Exception raised from",
    "frame #",
    "C++ CapturedTraceback",
)


def plain(text: str) -> str:
    """Return a text without the lines that torch adds to every error of CUDA."""
    lines = [line for line in text.splitlines() if line.strip()]
    own_lines = [line.rstrip() for line in lines if not line.strip().startswith(_NOISE)]
    return "\n".join(own_lines) or text
