"""Isolates the jobs of one process: no job sees settings or memory of the one before."""

import gc
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import torch

from compound.jobs.parallel.process import Process
from compound.jobs.runtime.precision import multiplied
from compound.jobs.runtime.process_exit import exits_raised
from compound.jobs.runtime.torch_settings import settled
from compound.jobs.training.compiling.compiler import compiling, drop_programs
from compound.schemas.job import EpochRow, JobResult, TrainJob

Epochs = Generator[EpochRow, None, JobResult]


def isolated(job: TrainJob, process: Process, splits: int, epochs: Epochs) -> Epochs:
    """Run a job's epochs with its own settings, which are in force while it computes.

    Between two epochs the process has its own settings: a generator may wait there for ever.
    """
    try:
        while True:
            with _job_settings(job, process, splits):
                try:
                    row = next(epochs)
                except StopIteration as end:
                    result: JobResult = end.value
                    return result
            try:
                yield row
            except GeneratorExit:
                with _job_settings(job, process, splits):
                    epochs.close()
                raise
    finally:
        # A context manager that a network has entered and not left ends when its memory is freed,
        # and then changes torch's settings.
        with settled(process.threads):
            del epochs
            _free_memory(job, process)


@contextmanager
def _job_settings(job: TrainJob, process: Process, splits: int) -> Iterator[None]:
    precision = multiplied(job.recipe)
    with settled(process.threads, precision), compiling(job, process, splits), exits_raised():
        yield


def _free_memory(job: TrainJob, process: Process) -> None:
    """Free a job's memory, which other workers may need on a shared GPU."""
    # gc.collect() frees tensors in reference cycles, as compiled programs and tracebacks make them;
    # empty_cache() then returns the free blocks of torch's allocator to the driver.
    if job.recipe.compile is True:
        drop_programs()
    if job.recipe.compile is True or process.device.type == "cuda":
        gc.collect()
    if process.device.type == "cuda":
        torch.cuda.empty_cache()
