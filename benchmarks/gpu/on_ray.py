"""Part 8: one worker, two on halves of a GPU, a divided network and a worker that is killed."""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from benchmarks.gpu.facts import used_bytes
from benchmarks.gpu.recorder import Recorder
from benchmarks.gpu.subjects import Bench, job_of
from benchmarks.small import SMALL
from jobs.store.artifacts import ArtifactStore
from schemas.job import Event, JobRequest, JobResult, Resources, TrainJob

NEAR = 1e-3


def measure(bench: Bench, recorder: Recorder) -> None:
    """Run jobs on a Ray of this machine's own, in one session."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # on loopback, for a minute
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
    from cluster.session import connect
    from cluster.tune import RayRunner

    before = used_bytes(bench)
    with tempfile.TemporaryDirectory() as folder, connect(cpus=4) as session:
        for node in session.nodes:
            found = {"CPUs": node.cpus, "GPUs": node.gpus}
            recorder.tell("Ray counts", found, "as the driver lists", bench.judged(node.gpus >= 1))
        runner = RayRunner(session)

        def run(
            name: str, job: TrainJob, resources: Resources, on_event: Callable[[Event], None]
        ) -> JobResult:
            request = JobRequest(job=job, resources=resources, label=name)
            return runner.run([request], f"{folder}/{name}", on_event)[0]

        _jobs(bench, recorder, run, Path(folder))
    recorder.tell("GPU's memory left, MB", (used_bytes(bench) - before) / 1e6, "about 0")


Run = Callable[[str, TrainJob, Resources, Callable[[Event], None]], JobResult]


def _jobs(bench: Bench, recorder: Recorder, run: Run, folder: Path) -> None:
    half = 0.5 if bench.cuda else 0
    kinds = {
        "one worker": Resources(workers=1, cpus=1, gpus="auto"),
        "two on halves": Resources(workers=2, cpus=1, gpus=half),
        "divided": Resources(workers=2, cpus=1, gpus=half, sharding="full"),
    }
    job, losses = _job(seed=0, epochs=2), {}
    for name, resources in kinds.items():
        started = time.perf_counter()
        result = run(name, job, resources, lambda event: None)
        cause = result.cause
        text = f"{cause.kind}: {cause.message} {cause.traceback[-300:]}" if cause else result.device
        found = {"status": result.status, "s": time.perf_counter() - started, "on": text}
        recorder.tell(name, found, "done", result.status == "done")
        losses[name] = _losses(folder / name, job)
    for name in ("two on halves", "divided"):
        pairs = zip(losses[name], losses["one worker"], strict=False)
        apart = [abs(loss / alone - 1) for loss, alone in pairs]
        right = bool(apart) and max(apart) <= NEAR
        recorder.tell(f"{name}: losses apart", max(apart, default=1.0), f"<= {NEAR:g}", right)
    _killed(recorder, run, Resources(workers=2, cpus=1, gpus=half), folder)


def _job(seed: int, epochs: int) -> TrainJob:
    """Batch norm over all workers' images, so that the number of workers changes no loss."""
    return job_of(SMALL, 512, seed, epochs=epochs, batch=64, norm_batch="global")


def _losses(store: Path, job: TrainJob) -> list[float]:
    rows = ArtifactStore.open(str(store)).rows(job.id)
    return [row.metrics["train_loss"] for row in rows]


def _killed(recorder: Recorder, run: Run, resources: Resources, folder: Path) -> None:
    """Kill a worker after the first epoch; the job must go on from there."""
    times: list[float] = []

    def on_event(event: Event) -> None:
        if event.kind == "epoch":
            times.append(time.monotonic())
            if len(times) == 1:
                _kill_worker()

    job = _job(seed=1, epochs=4)
    result = run("killed", job, resources, on_event)
    epochs = [row.epoch for row in ArtifactStore.open(str(folder / "killed")).rows(job.id)]
    found = {"status": result.status, "attempt": result.attempt, "epochs": epochs}
    right = result.status == "done" and epochs == [1, 2, 3, 4]
    recorder.tell("a worker killed", found, "done, each epoch once", right)
    gap = max((after - before for before, after in pairwise(times)), default=0.0)
    recorder.tell("longest time between epochs, s", gap, "< 30", gap < 30)


def _kill_worker() -> None:
    import ray
    from ray.util.state import list_actors

    alive = [("class_name", "=", "RayTrainWorker"), ("state", "=", "ALIVE")]
    # By its address: without one Ray refuses to choose where several Rays run on a machine.
    address = ray.get_runtime_context().gcs_address
    workers = list_actors(address=address, filters=alive)
    if workers:
        os.kill(workers[-1].pid, signal.SIGKILL)
