"""Real training steps of one network on the device that will be used: their time and memory.

    python -m compound.jobs.probe.step_timing cpu 1 < cases.jsonl

It runs as a child process with one case a line, so that the caller's memory and threads are not in
the numbers. Cases run one after another; memory of the last one is freed before the next.
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

from compound.jobs.data.batches import Feeder
from compound.jobs.data.images import Images
from compound.jobs.data.images import statistics as statistics_of
from compound.jobs.device_model import PROCESS_BYTES, worker_memory
from compound.jobs.parallel.failure import GAVE_UP, classify
from compound.jobs.parallel.process import Process
from compound.jobs.runtime.malloc import keep_freed
from compound.jobs.runtime.precision import multiplied
from compound.jobs.runtime.torch_settings import settled
from compound.jobs.training.loop.trainer import Trainer
from compound.jobs.wording.plain_streams import open_streams
from compound.schemas.architecture import Architecture
from compound.schemas.base import Model
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.machine.device import Precision
from compound.schemas.metrics import SECONDS, SPEED
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage, Stem

_WARMING = 1
"""Steps that are not timed: in the first one torch chooses and compiles its kernels."""
_GPU_STEPS = 4
"""Steps between two synchronisations with a GPU. In training the host runs ahead of it; a step that
is waited for takes the sum of launching and running it."""
_HALVINGS = 4
"""How often a batch that does not fit into memory is halved."""
_WAITS = Path("/proc/thread-self/schedstat")
_STEPS = range(2, 31)
"""The least and the most steps that are timed."""


class Case(Model):
    """A network to be timed, with micro-batches of so many images."""

    name: str
    network: Architecture
    images: int
    seconds: float = 2.0
    """Time to spend on it; a few steps are made in any case."""
    precision: Precision = "float32"


class Ready(Model):
    """The device that will be measured."""

    device: str
    memory: int
    """Bytes that a worker on it may use for its network."""
    free: int = 0
    """Free bytes of a GPU."""


class Measured(Model):
    """Time and memory of one step."""

    seconds: float
    """One step of the optimiser: forward, backward and update on one micro-batch."""
    evaluation: float
    """Evaluation of as many images."""
    bytes: int
    """Peak memory above what the process held before the network was built."""
    spread: float
    """The median step over the fastest: large where the machine has other load."""


class Answer(Model):
    """The result of a case."""

    images: int
    """Images of the micro-batch that was timed: those of the case, or fewer that fitted."""
    measured: Measured | None = None
    """None: no number of images fitted into memory."""
    failure: str = ""
    """The number of images that did not fit, with the cause."""


_TINY = Architecture(resolution=16, stem=Stem(channels=8), stages=(Stage(channels=8),), head=8)


def measure(case: Case, process: Process, per_epoch: int = 1) -> Measured:
    """Train and evaluate one network on random images until its time is over.

    A GPU is synchronised once in `per_epoch` steps.
    """
    gpu = process.device.type == "cuda"
    memory = _MemoryUse(process.device)
    job = _job(case)
    source = Feeder(_images(case, per_epoch), job.recipe.augment, process.device)
    if gpu:
        # Images of all jobs are on a GPU once, and the plan counts them apart.
        memory = _MemoryUse(process.device)
    trainer = Trainer(job, source, process)
    started, steps = time.monotonic(), list[float]()
    evaluations = list[float]()
    while len(steps) < _WARMING + _STEPS.start or (
        len(steps) < _STEPS.stop and time.monotonic() - started < case.seconds
    ):
        before = _seconds_without_core()
        metrics = trainer.epoch(len(steps) + 1)
        # Time in which the thread waits for a core delays a CPU's step, but not a GPU with a queue.
        on_core = 1.0 if gpu else 1 - (_seconds_without_core() - before) / metrics[SECONDS]
        step = case.images / metrics[SPEED]
        steps.append(on_core * step)
        evaluations.append(on_core * (metrics[SECONDS] - per_epoch * step) / per_epoch)
    timed = steps[_WARMING:]
    return Measured(
        seconds=min(timed),
        evaluation=min(evaluations[_WARMING:]),
        bytes=memory.peak(),
        spread=statistics.median(timed) / min(timed),
    )


def answer(case: Case, process: Process) -> Answer:
    """Measure a case; halve its images while they do not fit into memory."""
    failure, per_epoch = "", _GPU_STEPS if process.device.type == "cuda" else 1
    for halvings in range(_HALVINGS + 1):
        images = case.images >> halvings
        if images == 0:
            break
        try:
            sized = case.model_copy(update={"images": images})
            with settled(process.threads, multiplied(_job(sized).recipe)):  # as for a job
                measured = measure(sized, process, per_epoch)
        except (MemoryError, OSError, RuntimeError) as error:
            cause = classify(error)
            if cause.kind != "out of memory":
                raise
            failure = f"{cause.kind} with {images} images"
        else:
            return Answer(images=images, measured=measured, failure=failure)
        _free_memory(process.device)
    return Answer(images=case.images, failure=failure)


def _free_memory(device: torch.device) -> None:
    """Free the memory of a case that failed; outside its handler, which refers to its frames."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _seconds_without_core() -> float:
    """Return the seconds in which this thread was ready to run and had no core.

    Linux counts them (Documentation/scheduler/sched-stats.rst); 0 on other systems.
    """
    if not _WAITS.is_file():
        return 0.0
    return int(_WAITS.read_text(encoding="ascii").split()[1]) / 1e9


class _MemoryUse:
    """The memory of this process, or of torch's allocator on its GPU, from now on."""

    def __init__(self, device: torch.device) -> None:
        gc.collect()
        self._device = device
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
        else:
            # Return the free heap to the system, then reset the peak, VmHWM: 5, see proc(5).
            ctypes.CDLL(None).malloc_trim(0)
            with open("/proc/self/clear_refs", "w", encoding="ascii") as control:
                control.write("5")
            self._before = _resident("VmRSS")

    def peak(self) -> int:
        """Return the peak since then, less the memory that was used then."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        return _resident("VmHWM") - self._before


def _resident(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        match = re.search(rf"{name}:\s+(\d+) kB", status.read())
    return int(match[1]) * 1024 if match else 0


def _job(case: Case) -> TrainJob:
    data = SyntheticData(source="synthetic", size=case.network.resolution)
    settings = {"epochs": 1000, "batch": case.images, "learning_rate": 1e-4}
    recipe = Recipe.model_validate({**settings, "precision": case.precision})
    return TrainJob(
        architecture=case.network, recipe=recipe, data=DataRef(spec=data, fingerprint="")
    )


def _images(case: Case, batches: int) -> Images:
    """Draw one batch; return it `batches` times, for training and for evaluation."""
    network = case.network
    shape = (case.images, network.in_channels, network.resolution, network.resolution)
    drawn = torch.randint(256, shape, dtype=torch.uint8)
    labels = torch.randint(network.num_classes, (case.images,)).repeat(batches)
    pixels = drawn.repeat(batches, 1, 1, 1) if batches > 1 else drawn
    return Images(pixels, labels, pixels, labels, *statistics_of(drawn))


def _ready(process: Process) -> Ready:
    """Use the device once, so that the cost of its first use is in no measurement."""
    torch.set_num_threads(process.threads)
    answer(Case(name="", network=_TINY, images=8, seconds=0), process)
    if process.device.type == "cpu":
        return Ready(device=process.name, memory=worker_memory(process.threads))
    free, total = torch.cuda.mem_get_info(process.device)
    return Ready(device=process.name, memory=total - PROCESS_BYTES, free=free)


def _answers(lines: Iterator[str], process: Process) -> Iterator[Model]:
    yield _ready(process)
    for line in lines:
        yield answer(Case.model_validate_json(line), process)


def main() -> None:
    """Write a line that describes the device, then one line for each case on stdin.

    What ends it before is written as a last line, with its cause; the exit code is then 1.
    """
    open_streams()
    kind, threads = sys.argv[1:]
    keep_freed()  # as in the processes that train
    try:
        for reply in _answers(iter(sys.stdin.readline, ""), Process.single(int(threads), kind)):
            sys.stdout.write(reply.model_dump_json(ensure_ascii=True) + "\n")
            # A pipe is block-buffered, and the parent waits for this line.
            sys.stdout.flush()
    except Exception as error:  # the parent reports it
        sys.stdout.write(f"{GAVE_UP}{classify(error).model_dump_json(ensure_ascii=True)}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
