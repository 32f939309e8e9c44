"""Part 5: what does training hold, what did the plan say, and what is left when it is too much?"""

import gc
import tempfile
from typing import Any

import torch

from compound.jobs.device_model import guess, peak_bytes
from compound.jobs.networks.workload import workload
from compound.jobs.parallel.failure import classify
from compound.schemas.job import TrainJob
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench, job_of, named, steps_of, trained, trainer_of

GIB = 2**30
_CLOSE = 2**20
"""Bytes by which memory may be apart from what it was before a job."""


def measure(bench: Bench, recorder: Recorder) -> None:
    """Set peaks beside the plan's, run out of memory, and look at what jobs leave."""
    _leaves(bench, recorder)
    for job in peaks(bench):
        _peak(bench, recorder, job)
    _split(bench, recorder)
    _texts(bench, recorder)
    _limit(bench, 1.0)


def jobs(bench: Bench) -> list[TrainJob]:
    """Return all jobs of this part."""
    return [*sequence(bench), *peaks(bench), *starved(bench), large(bench)]


def peaks(bench: Bench) -> list[TrainJob]:
    """Return jobs whose peak is set beside the plan's."""
    cases = bench.pick(
        (("efficientnet-b0", 224, 256), ("efficientnet-b4", 380, 64)),
        (("efficientnet-b0", 32, 4), ("efficientnet-b0", 48, 4)),
    )
    return [job_of(named(name, side), batch, batch=batch) for name, side, batch in cases]


def large(bench: Bench) -> TrainJob:
    """Return a job that a part of the device's memory is too little for."""
    side, batch = bench.pick((224, 512), (32, 8))
    return job_of(named("efficientnet-b0", side), batch, epochs=1, batch=batch)


def sequence(bench: Bench) -> list[TrainJob]:
    """Return jobs on networks of rising and falling size."""
    sides = bench.pick((64, 96, 160, 96, 64), (32, 32, 48, 32, 32))
    return [
        job_of(named("efficientnet-b0", side), 64, seed, epochs=1, batch=32)
        for seed, side in enumerate(sides)
    ]


def starved(bench: Bench) -> list[TrainJob]:
    """Return jobs that run out of memory in different places."""
    side, batch = bench.pick((224, 256), (32, 2))
    return [
        job_of(named(name, side), batch, batch=batch, precision="bfloat16")
        for name in ("efficientnet-b0", "resnet-50")
    ]


def _peak(bench: Bench, recorder: Recorder, job: TrainJob) -> None:
    network, batch = job.architecture, job.recipe.batch
    _clear(bench)
    before = bench.allocated()
    if bench.cuda:
        torch.cuda.reset_peak_memory_stats(bench.device)
    step = steps_of(trainer_of(job, bench.process))
    for _ in range(3):
        step()
    bench.synchronize()
    planned = peak_bytes(guess(bench.kind), workload(network), batch)
    name = f"{network.resolution} px x {batch}"
    recorder.tell(f"{name}: planned, GiB", planned / GIB)
    if not bench.cuda:
        return
    allocated = torch.cuda.max_memory_allocated(bench.device) - before
    reserved = torch.cuda.max_memory_reserved(bench.device)
    recorder.tell(f"{name}: allocated, GiB", allocated / GIB)
    ratio = planned / allocated
    recorder.tell(f"{name}: planned / allocated", ratio, "0.8 to 1.1", 0.8 <= ratio <= 1.1)
    over = reserved / (allocated + before)
    recorder.tell(f"{name}: reserved / allocated", over, "<= 1.2", over <= 1.2)
    free, total = torch.cuda.mem_get_info(bench.device)
    recorder.tell(f"{name}: used of the device, GiB", (total - free) / GIB)


def _split(bench: Bench, recorder: Recorder) -> None:
    """Give a job too little memory: it must fail as such, and fit in parts, in the same process."""
    job = large(bench)
    _limit(bench, 0.05)
    ended = {}
    with tempfile.TemporaryDirectory() as folder:
        for splits in (1, 2, 4, 8, 16):
            _clear(bench)
            result = trained(job, bench, folder, splits=splits)
            ended[splits] = result.cause.kind if result.cause else result.status
            if result.status == "done":
                break
    kinds = [*ended.values()]
    right = kinds[-1] == "done" and set(kinds[:-1]) <= {"out of memory"}
    recorder.tell("too little memory, by splits", ended, "out of memory, then done", right)


def _leaves(bench: Bench, recorder: Recorder) -> None:
    """Train networks of rising and falling size; nothing may be left of any."""
    _clear(bench)
    before, left = bench.allocated(), []
    with tempfile.TemporaryDirectory() as folder:
        for job in sequence(bench):
            status = trained(job, bench, folder).status
            gc.collect()
            left.append(bench.allocated() - before if status == "done" else status)
    right = all(isinstance(bytes_, int) and abs(bytes_) <= _CLOSE for bytes_ in left)
    recorder.tell("bytes left by five jobs", left, "within 1 MB of 0", right)


def _texts(bench: Bench, recorder: Recorder) -> None:
    """Collect what failures say where memory ends in other places."""
    for fraction in bench.pick((0.02, 0.03, 0.04, 0.05), (0.05,)):
        _clear(bench)
        _limit(bench, fraction)
        for name, job in zip(("efficientnet-b0", "resnet-50"), starved(bench), strict=True):
            try:
                steps_of(trainer_of(job, bench.process))()
                bench.synchronize()
            except Exception as error:
                kind, text = classify(error).kind, str(error).partition("\n")[0][:160]
                right = kind == "out of memory"
                cause: Any = {"kind": kind, "text": text}
                recorder.tell(f"{name} in {fraction:g}", cause, "out of memory", right)


def _limit(bench: Bench, fraction: float) -> None:
    if bench.cuda:
        torch.cuda.set_per_process_memory_fraction(fraction, bench.device)


def _clear(bench: Bench) -> None:
    gc.collect()
    if bench.cuda:
        torch.cuda.empty_cache()
