"""Part 2: where in a step does the host wait for the device?"""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from benchmarks.gpu.recorder import Recorder
from benchmarks.gpu.subjects import HEAVY, Bench, job_of, named, steps_of, trainer_of
from compound.schemas.job import TrainJob

RECIPES: dict[str, dict[str, Any]] = {
    "modern": {},
    "paper": {"recipe": "paper"},
    "heavy": HEAVY,
    "clip, average, bfloat16": {"ema": 0.99, "precision": "bfloat16", "accumulate": 2},
}
STEPS = 5


def measure(bench: Bench, recorder: Recorder) -> None:
    """Count waits in a few steps of B0 by line; then let the first one raise."""
    for name, job in jobs(bench).items():
        step = steps_of(trainer_of(job, bench.process))
        for _ in range(3):
            step()
        waits = waits_of(bench, step, STEPS)
        count = sum(waits.values()) / STEPS
        recorder.tell(f"{name}: waits a step", count, "0", bench.judged(count == 0))
        if waits:
            lines = {line: number / STEPS for line, number in waits.most_common(8)}
            recorder.tell(f"{name}: by line", lines)
        recorder.tell(f"{name}: mode error", _refused(bench, step), "nothing is raised")


def jobs(bench: Bench) -> dict[str, TrainJob]:
    """Return the jobs whose steps are watched, by recipe."""
    network = named("efficientnet-b0", 32)
    images, batch = bench.pick(2048, 64), bench.pick(128, 4)
    return {
        name: job_of(network, images, epochs=2, batch=batch, **recipe)
        for name, recipe in RECIPES.items()
    }


def waits_of(bench: Bench, step: Any, steps: int) -> Counter[str]:
    """Return how often each line made the host wait."""
    with warnings.catch_warnings(record=True) as caught, _mode(bench, "warn"):
        warnings.simplefilter("always")
        for _ in range(steps):
            step()
    waits = [w for w in caught if "synchronizing CUDA operation" in str(w.message)]
    return Counter(f"{'/'.join(w.filename.split('/')[-3:])}:{w.lineno}" for w in waits)


def _refused(bench: Bench, step: Any) -> str:
    try:
        with _mode(bench, "error"):
            step()
    except RuntimeError as error:
        return str(error).partition("\n")[0]
    return "nothing is raised"


@contextmanager
def _mode(bench: Bench, mode: str) -> Iterator[None]:
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
