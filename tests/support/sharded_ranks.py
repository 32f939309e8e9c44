"""Ranks that train jobs one after another: `torchrun -m tests.support.sharded_ranks RUNS.json`."""

import sys
from pathlib import Path

import torch
from torch import distributed

from compound.jobs.parallel.collective import leave
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.base import Model
from compound.schemas.job import EpochRow, JobResult, TrainJob
from tests.support.forked import run_forked
from tests.support.interrupted_jobs import After, drained


class Run(Model):
    """A job, where it is kept, and whether the ranks divide its network."""

    job: TrainJob
    store: str
    sharded: bool = True
    planned: int = 2
    stop_after: int = 0
    """Checkpoints inside epochs after which it is left; 0: it goes on to its end."""


class Runs(Model):
    runs: tuple[Run, ...]


class Ended(Model):
    rows: tuple[EpochRow, ...]
    result: JobResult


def on_ranks(folder: Path, *runs: Run, workers: int = 2) -> list[Ended]:
    """Train jobs on that many processes; return how each ended, as the first of them saw it."""
    file = folder / "runs.json"
    file.write_text(Runs(runs=runs).model_dump_json())
    done = run_forked("tests.support.sharded_ranks", str(file), ranks=workers, timeout=240)
    return [Ended.model_validate_json(line) for line in done.stdout.splitlines()]


def alone(run_: Run) -> Ended:
    """Train a job in this process, in the micro-batches of the workers that it is planned for."""
    return _trained(run_, Process(0, 1, torch.device("cpu"), 1, planned=run_.planned))


def _trained(one: Run, process: Process) -> Ended:
    stopping = After(one.stop_after) if one.stop_after else lambda: False
    store = ArtifactStore.open(one.store)
    rows, result = drained(run(one.job, store, process, DataCache(), stopping=stopping))
    return Ended(rows=tuple(rows), result=result)


def main() -> None:
    distributed.init_process_group("gloo")
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    for one in Runs.model_validate_json(Path(sys.argv[1]).read_text()).runs:
        process = Process(
            rank,
            ranks,
            torch.device("cpu"),
            1,
            planned=one.planned,
            parallel="full" if one.sharded else "none",
        )
        ended = _trained(one, process)
        if rank == 0:
            sys.stdout.write(ended.model_dump_json() + "\n")
    leave()


if __name__ == "__main__":
    main()
