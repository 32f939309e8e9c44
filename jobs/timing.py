"""Real training steps of one network on the device that will be used: their time and memory.

    python -m jobs.timing cpu 1 < cases.jsonl

Run as a process of its own, one case a line, so that neither the caller's memory nor its threads
are in the numbers. Cases run one after another, each after what the last one left was given back.
"""

import ctypes
import gc
import re
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from jobs.allocator import keep_freed
from jobs.data.batches import Feeder
from jobs.data.images import Images
from jobs.data.images import statistics as statistics_of
from jobs.device import PROCESS_BYTES, worker_memory
from jobs.training.process import Process
from jobs.training.trainer import Trainer
from schemas.architecture import Architecture, Stage, Stem
from schemas.base import Model
from schemas.data import SyntheticData
from schemas.job import DataRef, TrainJob
from schemas.recipe import Recipe

_WARMING = 1
"""Steps that are not timed: torch chooses and compiles its kernels in the first."""
_WAITS = Path("/proc/thread-self/schedstat")
_STEPS = range(2, 31)
"""How many steps are timed, at least and at most."""


class Case(Model):
    """A network to be timed, with micro-batches of so many images."""

    name: str
    network: Architecture
    images: int
    seconds: float = 2.0
    """Time to spend on it; a few steps are made in any case."""


class Ready(Model):
    """The device that will be measured."""

    device: str
    memory: int
    """Bytes that a worker on it may use for its network."""


class Measured(Model):
    """What one step took."""

    seconds: float
    """One step of the optimiser: forward, backward and update on one micro-batch."""
    evaluation: float
    """Evaluation of as many images."""
    bytes: int
    """Peak memory above what the process held before the network was built."""
    spread: float
    """The median step over the fastest: a machine that does other things too shows here."""


_TINY = Architecture(resolution=16, stem=Stem(channels=8), stages=(Stage(channels=8),), head=8)


def measure(case: Case, process: Process) -> Measured:
    """Train and evaluate one network on random images until its time is over."""
    held = _Held(process.device)
    job = _job(case)
    source = Feeder(_images(case), job.recipe.augment, process.device)
    trainer = Trainer(job, source, process)
    started, steps = time.monotonic(), list[float]()
    evaluations = list[float]()
    while len(steps) < _WARMING + _STEPS.start or (
        len(steps) < _STEPS.stop and time.monotonic() - started < case.seconds
    ):
        waited = _waited()
        metrics = trainer.epoch(len(steps) + 1)
        ran = 1 - (_waited() - waited) / metrics["seconds"]
        step = case.images / metrics["images_per_second"]
        steps.append(ran * step)
        evaluations.append(ran * (metrics["seconds"] - step))
    timed = steps[_WARMING:]
    return Measured(
        seconds=min(timed),
        evaluation=min(evaluations[_WARMING:]),
        bytes=held.peak(),
        spread=statistics.median(timed) / min(timed),
    )


def _waited() -> float:
    """Return the seconds for which this thread could have run, but the machine ran others.

    Linux counts them (Documentation/scheduler/sched-stats.rst); elsewhere nothing is known.
    """
    if not _WAITS.is_file():
        return 0.0
    return int(_WAITS.read_text(encoding="ascii").split()[1]) / 1e9


class _Held:
    """Follows the memory of this process, or what torch allocates on its GPU."""

    def __init__(self, device: torch.device) -> None:
        gc.collect()
        self._device = device
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
        else:
            ctypes.CDLL(None).malloc_trim(0)
            with open("/proc/self/clear_refs", "w", encoding="ascii") as control:
                control.write("5")
            self._before = _resident("VmRSS")

    def peak(self) -> int:
        """Return the most that was held since, above what was held then."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        return _resident("VmHWM") - self._before


def _resident(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        found = re.search(rf"{name}:\s+(\d+) kB", status.read())
    return int(found[1]) * 1024 if found else 0


def _job(case: Case) -> TrainJob:
    data = SyntheticData(source="synthetic", size=case.network.resolution)
    recipe = Recipe(epochs=1000, batch=case.images, learning_rate=1e-4)
    return TrainJob(
        architecture=case.network, recipe=recipe, data=DataRef(spec=data, fingerprint="")
    )


def _images(case: Case) -> Images:
    """Draw one batch to train on and one to evaluate."""
    network = case.network
    shape = (case.images, network.in_channels, network.resolution, network.resolution)
    pixels = torch.randint(256, shape, dtype=torch.uint8)
    labels = torch.randint(network.num_classes, (case.images,))
    return Images(pixels, labels, pixels, labels, *statistics_of(pixels))


def _ready(process: Process) -> Ready:
    """Use the device once, so that what its first use takes is in no number."""
    torch.set_num_threads(process.threads)
    measure(Case(name="", network=_TINY, images=8, seconds=0), process)
    if process.device.type == "cpu":
        return Ready(device=process.name, memory=worker_memory(process.threads))
    total = torch.cuda.get_device_properties(process.device).total_memory
    return Ready(device=process.name, memory=total - PROCESS_BYTES)


def _answers(lines: Iterator[str], process: Process) -> Iterator[Model]:
    yield _ready(process)
    for line in lines:
        yield measure(Case.model_validate_json(line), process)


def main() -> None:
    """Tell the device in a first line on stdout; then answer each case on stdin with a line."""
    kind, threads = sys.argv[1:]
    keep_freed()  # as those who train do
    for answer in _answers(iter(sys.stdin.readline, ""), Process.single(int(threads), kind)):
        sys.stdout.write(answer.model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
