"""Part 4: are snapshots of the state the state, and what do they cost?"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from compound.jobs.training.checkpoints.snapshot import Snapshot, _sources
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.job import TrainJob
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import (
    Bench,
    Step,
    job_of,
    named,
    seconds_of,
    steps_of,
    trainer_of,
)

EVERY = 10


def measure(bench: Bench, recorder: Recorder) -> None:
    """Take snapshots of B0 while it trains, compare them, and time them."""
    (job,) = jobs(bench)
    trainer = trainer_of(job, bench.process)
    snapshot, step = Snapshot(trainer), steps_of(trainer, fixed=True)
    step()
    takes, wrong = [], 0
    for _ in range(bench.pick(20, 3)):
        step()
        before = {name: tensor.clone() for name, tensor in _sources(trainer, None).items()}
        started = time.perf_counter()
        snapshot.take(trainer, None, {})
        takes.append(time.perf_counter() - started)
        step()  # the next step must not reach into what is being copied
        snapshot.wait()
        wrong += _apart(before, snapshot)
    recorder.tell("buffers that differ", wrong, "0", wrong == 0)
    host = 1e3 * statistics.median(takes)
    recorder.tell("host held up, ms", host, "< 2", bench.judged(host < 2))
    part = _cost(bench, step, _saving(step, snapshot, trainer))
    recorder.tell(f"cost of one every {EVERY} steps", part, "< 0.01", bench.judged(part < 0.01))
    size = sum(tensor.nbytes for tensor in _sources(trainer, None).values())
    recorder.tell("MB", size / 1e6)


def jobs(bench: Bench) -> list[TrainJob]:
    """Return the job whose state is taken."""
    side, batch = bench.pick((224, 128), (32, 4))
    return [job_of(named("efficientnet-b0", side), 2 * batch, batch=batch, recipe="paper")]


def _apart(before: dict[str, Tensor], snapshot: Snapshot) -> int:
    """Return how many buffers of a snapshot are not what they were when it was taken."""
    return sum(not torch.equal(t.cpu(), snapshot._host[name]) for name, t in before.items())


def _saving(step: Step, snapshot: Snapshot, trainer: Trainer) -> Callable[[], None]:
    def steps() -> None:
        for _ in range(EVERY):
            step()
        snapshot.take(trainer, None, {})

    return steps


def _cost(bench: Bench, step: Step, saving: Step) -> float:
    """Return which part of the time snapshots take, in the median of rounds in turns."""

    def plain() -> None:
        for _ in range(EVERY):
            step()

    rounds = bench.pick(7, 2)
    pairs = [(seconds_of(bench, plain, 1), seconds_of(bench, saving, 1)) for _ in range(rounds)]
    return statistics.median(slow / fast - 1 for fast, slow in pairs)
