"""What glibc's malloc does with freed memory, which decides a tenth or more of a step on a CPU.

A training step frees its activations and asks for as much again in the next one. By habit glibc
returns large blocks to the system, which then hands them out anew page by page, each one a fault
and a page of zeros to write. A process that trains does better to keep them.
Where there is no glibc nothing is changed.
"""

import ctypes
import os
from collections.abc import Mapping

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt's parameters in malloc.h."""
_NEVER = 2**31 - 1
_LARGEST = 2**25
"""Bytes that a block may have at most to be kept: a limit of glibc's own."""
_LARGE = 2**20

_KEEPING = {
    "MALLOC_TRIM_THRESHOLD_": str(_NEVER),
    "MALLOC_MMAP_THRESHOLD_": str(_LARGEST),
    "MALLOC_ARENA_MAX": "1",  # the heaps of other threads are unmapped as soon as they are empty
}


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables for a process whose threads should keep memory; `given` ones stay."""
    return {name: given.get(name, value) for name, value in _KEEPING.items()}


def keep_freed() -> None:
    """Keep what is freed from here on, in the main thread, unless the environment decides that."""
    if not _KEEPING.keys() & os.environ.keys():
        _set(_TRIM_THRESHOLD, _NEVER)
        _set(_MMAP_THRESHOLD, _LARGEST)


def return_freed() -> None:
    """Give large blocks back when they are freed: for one whose sizes are never the same twice."""
    _set(_MMAP_THRESHOLD, _LARGE)


def _set(parameter: int, value: int) -> None:
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(parameter, value)
