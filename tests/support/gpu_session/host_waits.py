"""Counts by line where a step makes the host wait for the device."""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tests.support.gpu_session.subjects import Bench


def waits_of(bench: Bench, step: Any, steps: int) -> Counter[str]:
    """Return how often each line made the host wait."""
    with warnings.catch_warnings(record=True) as caught, sync_debug_mode(bench, "warn"):
        warnings.simplefilter("always")
        for _ in range(steps):
            step()
    waits = [w for w in caught if "synchronizing CUDA operation" in str(w.message)]
    return Counter(f"{'/'.join(w.filename.split('/')[-3:])}:{w.lineno}" for w in waits)


@contextmanager
def sync_debug_mode(bench: Bench, mode: str) -> Iterator[None]:
    """Watch for waits on a GPU; a CPU has none."""
    if not bench.cuda:
        yield
        return
    bench.synchronize()
    torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")
