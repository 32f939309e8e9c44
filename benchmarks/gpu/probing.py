"""Part 6: does a probe predict real steps?"""

from compound.jobs.device_model import step_seconds
from compound.jobs.networks.workload import workload
from compound.jobs.probe.probe import probe
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


def measure(bench: Bench, recorder: Recorder) -> None:
    """Probe the device; then set predicted steps of real networks beside measured ones."""
    profile = probe(bench.kind, bench.process.threads, limit=bench.pick(34, 240))
    recorder.tell("points", len(profile.points))
    recorder.tell("its own error of time", profile.time_error)
    recorder.tell("its own error of memory", profile.memory_error)
    recorder.tell("coefficients", profile.seconds)
    for name, job in jobs(bench).items():
        network, batch = job.architecture, job.recipe.batch
        step = steps_of(trainer_of(job, bench.process))
        seconds_of(bench, step, 2)
        measured = min(seconds_of(bench, step, 1) for _ in range(3))
        predicted = step_seconds(profile, workload(network), batch)
        ratio = predicted / measured
        at = f"{name} at {job.architecture.resolution} px x {batch}"
        recorder.tell(f"{at}: ms", {"predicted": 1e3 * predicted, "measured": 1e3 * measured})
        right = bench.judged(0.8 <= ratio <= 1.25)
        recorder.tell(f"{at}: predicted / measured", ratio, "0.8 to 1.25", right)


def jobs(bench: Bench) -> dict[str, TrainJob]:
    """Return the jobs whose steps are predicted, by network."""
    cases = bench.pick(
        (("efficientnet-b0", 224, 256), ("efficientnet-b4", 380, 64), ("resnet-50", 224, 256)),
        (("efficientnet-b0", 64, 8), ("efficientnet-b4", 64, 4), ("resnet-50", 64, 4)),
    )
    return {name: job_of(named(name, side), batch, batch=batch) for name, side, batch in cases}
