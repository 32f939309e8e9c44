"""Traces a few training steps, for a browser's trace viewer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from compound.jobs.runtime.temporary_folder import temporary_folder
from compound.jobs.training.loop.trainer import Trainer

SKIPPED, STEPS = 2, 4
"""Warm-up steps, which are slower, and traced steps."""


@contextmanager
def profiled(trainer: Trainer, trace: Path) -> Iterator[None]:
    """Trace a few optimiser steps into a gzipped Chrome trace, if the epoch has enough steps."""
    activities = [ProfilerActivity.CPU]
    activities += [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    with profile(
        activities=activities,
        schedule=schedule(wait=1, warmup=SKIPPED - 1, active=STEPS, repeat=1),
        on_trace_ready=lambda finished: finished.export_chrome_trace(str(trace)),
        # Otherwise torch warns that it drops the events of earlier cycles; there is only one cycle.
        acc_events=True,
    ) as running:
        trainer.on_step = running.step
        try:
            yield
        finally:
            trainer.on_step = None


@contextmanager
def trace_file() -> Iterator[Path]:
    """Yield the path for a trace, in a folder that is deleted afterwards."""
    with temporary_folder("profile") as folder:
        yield Path(folder, "trace.json.gz")
