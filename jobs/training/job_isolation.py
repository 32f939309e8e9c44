"""Keeps the jobs of one process apart: none finds what another has set, or left in memory."""

import gc
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import torch

from compound.jobs.parallel.process import Process
from compound.jobs.runtime.precision import multiplied
from compound.jobs.runtime.torch_settings import settled
from compound.jobs.training.compiling.compiler import compiling, forget
from compound.schemas.job import EpochRow, JobResult, TrainJob

Epochs = Generator[EpochRow, None, JobResult]


def isolated(job: TrainJob, process: Process, splits: int, epochs: Epochs) -> Epochs:
    """Drive a job's epochs under settings of its own, which hold while it computes.

    Between two epochs the process has its own again: a generator may wait there for ever.
    """
    try:
        while True:
            with _own(job, process, splits):
                try:
                    row = next(epochs)
                except StopIteration as end:
                    result: JobResult = end.value
                    return result
            try:
                yield row
            except GeneratorExit:
                with _own(job, process, splits):
                    epochs.close()
                raise
    finally:
        with settled(process.threads):  # what a network has entered can end with its memory
            del epochs
            _released(job, process)


@contextmanager
def _own(job: TrainJob, process: Process, splits: int) -> Iterator[None]:
    precision = multiplied(job.recipe)
    with settled(process.threads, precision), compiling(job, process, splits):
        yield


def _released(job: TrainJob, process: Process) -> None:
    """Give back what a job has held: others have need of it, where workers share a GPU."""
    if job.recipe.compile is True:
        forget()
    if job.recipe.compile is True or process.device.type == "cuda":
        gc.collect()
    if process.device.type == "cuda":
        torch.cuda.empty_cache()
