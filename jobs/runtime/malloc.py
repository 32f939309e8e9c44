"""How glibc's malloc treats freed memory, which is a tenth or more of a training step on a CPU.

A training step frees its activations, and the next step allocates as much again. By default glibc
returns large blocks to the system, which maps them again page by page: each page is a fault and is
filled with zeros. A process that trains is faster if it keeps the blocks.
Without glibc nothing is changed.
"""

import ctypes
import os
from collections.abc import Mapping

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h, see mallopt(3)."""
_NEVER = 2**31 - 1
_LARGEST = 2**25
"""Bytes of the largest block that is kept: HEAP_MAX_SIZE / 2, above which mallopt fails."""
_LARGE = 2**20
"""Bytes from which a block is returned to the system as soon as it is freed."""

_KEEPING = {
    "MALLOC_TRIM_THRESHOLD_": str(_NEVER),
    "MALLOC_MMAP_THRESHOLD_": str(_LARGEST),
    # One arena for all threads: the heap of a second arena is unmapped as soon as it is empty, and
    # no threshold applies to it.
    "MALLOC_ARENA_MAX": "1",
}


def environment(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return variables for a process whose threads keep memory; those in `variables` win."""
    return {name: variables.get(name, value) for name, value in _KEEPING.items()}


def keep_freed() -> None:
    """Keep memory that is freed from now on, unless the environment sets malloc's thresholds."""
    # This covers the main thread: the arenas of other threads need MALLOC_ARENA_MAX, see above.
    if not _KEEPING.keys() & os.environ.keys():
        _set(_TRIM_THRESHOLD, _NEVER)
        _set(_MMAP_THRESHOLD, _LARGEST)


def return_freed() -> None:
    """Return large blocks to the system when they are freed: for sizes that never repeat."""
    _set(_MMAP_THRESHOLD, _LARGE)


def _set(parameter: int, value: int) -> None:
    # musl and macOS have no mallopt.
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(parameter, value)
