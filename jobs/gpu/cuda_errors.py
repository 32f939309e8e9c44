"""What errors of CUDA and its libraries mean for a job, by torch's code and else by their text.

An error of a kernel is sticky: the process's context is lost, and every later call that touches
the device fails as well (CUDA Runtime API, cudaError_t). Memory that is short is not.
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
    """What an error means, and what mends it where that is known."""

    meaning: Meaning
    fix: str = ""


def finding(error: BaseException, text: str) -> Finding:
    """Say what an error means; the device's own answer, a code and a class count before words.

    An error that says nothing itself may have been raised from one that does.
    """
    if _lost():
        return Finding("process")
    found = _judged(error, plain(text).lower()) if _of_torch(error) else Finding("job")
    if found.meaning == "job" and error.__cause__ is not None:
        return finding(error.__cause__, str(error.__cause__))
    return found


def _judged(error: BaseException, words: str) -> Finding:
    if isinstance(error, torch.OutOfMemoryError):
        return Finding("memory")
    coded, fix = _coded(error), _fix(words)
    if coded is not None:
        return Finding(coded, fix if coded == "setup" else "")
    found = _said(words, fix, isinstance(error, torch.AcceleratorError))
    collective = isinstance(error, distributed.DistError) and not _any((COLLECTIVE,), words)
    return Finding("link") if found.meaning == "job" and collective else found


def _said(words: str, fix: str, torchs: bool) -> Finding:
    """Judge by words alone; `torchs`: the class of the error is torch's own."""
    if _any((KERNEL, COLLECTIVE), words):
        return Finding("job")
    if _any((r"shm/nccl|nccl-shm|shared memory segment",), words):  # no smaller batch helps NCCL
        return Finding("link", SHM)
    if fix:
        return Finding("setup", fix)
    if _any(MEMORY, words) and _any((OF_MEMORY,), words):
        return Finding("memory")
    if _any(PROCESS, words) and (torchs or _any((OF_DEVICE,), words)):
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


def _lost() -> bool:
    """Ask the device whether it still answers; neither call waits for work that is under way.

    After a sticky error every call returns it, whatever the words of the error were. To
    synchronise would be surer, but may wait for ever in a collective that a peer has not joined.
    """
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return False
    try:
        torch.cuda.current_stream().query()
        torch.cuda.mem_get_info()
    except RuntimeError as error:  # anything else, as in the midst of a capture, will pass
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
    said = [line.rstrip() for line in lines if not line.strip().startswith(_NOISE)]
    return "\n".join(said) or text
