"""Part 2: where in a step does the host wait for the device?"""

from typing import Any

from compound.schemas.job import TrainJob
from tests.support.gpu_session.host_waits import sync_debug_mode, waits_of
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import HEAVY, Bench, job_of, named, steps_of, trainer_of

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


def _refused(bench: Bench, step: Any) -> str:
    try:
        with sync_debug_mode(bench, "error"):
            step()
    except RuntimeError as error:
        return str(error).partition("\n")[0]
    return "nothing is raised"
