"""Part 3: kernels a step, how busy the device is, and images a second."""

from dataclasses import dataclass
from typing import Any

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from compound.schemas.job import TrainJob
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import (
    Bench,
    job_of,
    named,
    seconds_of,
    steps_of,
    trainer_of,
)

TRACED = 5
LARGE = 224
"""Pixels of the images that keep a GPU busy."""


@dataclass(frozen=True)
class Profile:
    """What the device did in some steps."""

    kernels: float
    """A step; on a CPU: torch's operations."""
    copies: float
    """Copies and fills a step."""
    busy: float
    """Part of the time in which a kernel ran."""
    gap: float
    """Seconds of the longest time a step without a kernel."""


def measure(bench: Bench, recorder: Recorder) -> None:
    """Profile B0 on large and small images, in both precisions."""
    for job in jobs(bench):
        large = job.architecture.resolution == LARGE
        _case(bench, recorder, job, 0.85 if large else 0, bench.pick(1100, 0))


def jobs(bench: Bench) -> list[TrainJob]:
    """Return a job for each size and precision."""
    made = []
    for side, batch in bench.pick(((LARGE, 256), (32, 128)), ((48, 4), (32, 4))):
        # Drawing images takes time: few of the large ones.
        images = batch * max(2, 1024 // batch) if side <= 48 else 2 * batch
        network = named("efficientnet-b0", side)
        made += [
            job_of(network, images, batch=batch, precision=precision)
            for precision in ("bfloat16", "float32")
        ]
    return made


def _case(bench: Bench, recorder: Recorder, job: TrainJob, least: float, kernels: int) -> None:
    side, batch = job.architecture.resolution, job.recipe.batch
    precision = job.recipe.precision
    step = steps_of(trainer_of(job, bench.process))
    seconds_of(bench, step, bench.pick(8, 1))
    blocks = [seconds_of(bench, step, bench.pick(5, 1)) for _ in range(bench.pick(6, 2))]
    seconds = sorted(blocks)[len(blocks) // 2]
    name = f"{side} px x {batch}, {precision}"
    recorder.tell(f"{name}: ms a step", 1e3 * seconds)
    recorder.tell(f"{name}: images/s", batch / seconds)
    profile_ = profiled(bench, step, keep=side > 32 and precision == "bfloat16")
    most = kernels + (220 if precision == "bfloat16" else 0)
    right = bench.judged(profile_.kernels <= most)
    recorder.tell(f"{name}: kernels a step", profile_.kernels, f"at most {most}", right)
    recorder.tell(f"{name}: copies a step", profile_.copies)
    expected = f"> {least:.0%}" if least else "< 40% where launches bound it"
    busy = bench.judged(profile_.busy >= least) if least else None
    recorder.tell(f"{name}: busy", profile_.busy, expected, busy)
    recorder.tell(f"{name}: longest gap, ms", 1e3 * profile_.gap)


def profiled(bench: Bench, step: Any, *, keep: bool = False) -> Profile:
    """Profile some steps; `keep`: write the trace where the session wants one."""
    on_gpu = [ProfilerActivity.CUDA] if bench.cuda else []
    bench.synchronize()
    with profile(activities=[ProfilerActivity.CPU, *on_gpu]) as profiler:
        for _ in range(TRACED):
            step()
        bench.synchronize()
    if keep and bench.trace:
        profiler.export_chrome_trace(str(bench.trace))
    return _summed(bench, list(profiler.events() or ()))


def _summed(bench: Bench, events: list[Any]) -> Profile:
    device = DeviceType.CUDA if bench.cuda else DeviceType.CPU
    # Annotations are told as if they ran on the device, over the kernels that they name.
    ran = [e for e in events if e.device_type == device and not e.is_user_annotation]
    moved = [e for e in ran if e.name.startswith(("Memcpy", "Memset", "aten::copy_"))]
    spans = sorted((e.time_range.start, e.time_range.end) for e in ran)  # microseconds
    if not spans:
        return Profile(0, 0, 0, 0)
    busy, gaps, reached = 0.0, [0.0], spans[0][0]
    for start, end in spans:
        gaps.append(max(0.0, start - reached))
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    kernels, copies = (len(ran) - len(moved)) / TRACED, len(moved) / TRACED
    longest = sum(sorted(gaps)[-TRACED:]) / TRACED
    whole = reached - spans[0][0]
    return Profile(kernels, copies, busy / whole, 1e-6 * longest)
