"""Part 8: one worker, two on halves of a GPU, a divided network and a worker that is killed."""

import os
import signal
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.gpu.facts import used_bytes
from compound.cluster.runner import Runner
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Event, JobRequest, JobResult, Resources, TrainJob
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench, job_of
from tests.support.small_network import SMALL

NEAR = 1e-3
KINDS = ("one worker", "two on halves", "divided")
WORKERS = 2
KILLED = ("two on halves",)
"""Where a second job follows in the same group of workers, which loses one of them."""


def measure(bench: Bench, recorder: Recorder) -> None:
    """Run jobs on a Ray of this machine's own, in one session."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # on loopback, for a minute
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
    from compound.cluster.ray_session import connect
    from compound.cluster.trials.ray_runner import RayRunner

    before = used_bytes(bench)
    with tempfile.TemporaryDirectory() as folder, connect(cpus=2) as session:
        gpus = int(sum(node.gpus for node in session.nodes))
        for node in session.nodes:
            counts = {"CPUs": node.cpus, "GPUs": node.gpus}
            recorder.tell("Ray counts", counts, "as the driver lists", bench.judged(node.gpus >= 1))
        _jobs(bench, recorder, RayRunner(session), Path(folder), gpus)
    recorder.tell("GPU's memory left, MB", (used_bytes(bench) - before) / 1e6, "about 0")


def _jobs(bench: Bench, recorder: Recorder, runner: Runner, folder: Path, gpus: int) -> None:
    losses: dict[str, list[float]] = {}
    for name in KINDS:
        try:  # a kind that is refused or dies takes none of the others along
            requests = requests_of(name, bench.cuda, gpus)
            if requests:
                _run(bench, recorder, runner, folder / name, requests, losses)
            else:
                recorder.tell(name, "not on one GPU")
        except Exception as error:
            recorder.tell(name, f"{type(error).__name__}: {error}"[:600], "done", ok=False)


def requests_of(name: str, cuda: bool, gpus: int) -> list[JobRequest]:
    """Return the requests of a kind on so many GPUs; none where these are too few for it."""
    half, whole = (0.5, 1) if cuda else (0, 0)
    if name == "one worker":
        resources = Resources(workers=1, cpus=1, gpus="auto")
    elif name == "two on halves":
        resources = Resources(workers=2, cpus=1, gpus=half)
    elif cuda and gpus < WORKERS:
        return []  # a network is divided among whole GPUs
    else:
        resources = Resources(workers=WORKERS, cpus=1, gpus=whole, parallel="full")
    jobs = [_job(seed=0, epochs=2), *([_job(seed=1, epochs=4)] if name in KILLED else [])]
    return [JobRequest(job=job, resources=resources, label=name) for job in jobs]


def _run(
    bench: Bench,
    recorder: Recorder,
    runner: Runner,
    store: Path,
    requests: list[JobRequest],
    losses: dict[str, list[float]],
) -> None:
    """Run the requests of a kind; compare the first job's losses, and look at the second's."""
    name, jobs = store.name, [request.job for request in requests]
    watch, started = _Watch(jobs[-1].id if name in KILLED else ""), time.perf_counter()
    result, *more = runner.run(requests, str(store), watch)
    cause = result.cause
    text = f"{cause.kind}: {cause.message} {cause.traceback[-300:]}" if cause else result.device
    line = {"status": result.status, "s": time.perf_counter() - started, "on": text}
    recorder.tell(name, line, "done", result.status == "done")
    losses[name] = _losses(store, jobs[0])
    _compared(recorder, name, losses)
    if more:
        _survived(bench, recorder, (more[0], _epochs(store, jobs[1])), watch)


def _compared(recorder: Recorder, name: str, losses: dict[str, list[float]]) -> None:
    if name == "one worker":
        return
    pairs = zip(losses[name], losses.get("one worker", ()), strict=False)
    apart = [abs(loss / alone - 1) for loss, alone in pairs]
    right = bool(apart) and max(apart) <= NEAR
    recorder.tell(f"{name}: losses apart", max(apart, default=1.0), f"<= {NEAR:g}", right)


def _job(seed: int, epochs: int) -> TrainJob:
    """Batch norm over all workers' images, so that the number of workers changes no loss."""
    return job_of(SMALL, 512, seed, epochs=epochs, batch=64, norm_batch="global")


def _losses(store: Path, job: TrainJob) -> list[float]:
    rows = ArtifactStore.open(str(store)).rows(job.id)
    return [row.metrics["train_loss"] for row in rows]


def _epochs(store: Path, job: TrainJob) -> list[int]:
    return [row.epoch for row in ArtifactStore.open(str(store)).rows(job.id)]


class _Watch:
    """Kills a worker after the first epoch of the `doomed` job, and notes when its epochs end."""

    def __init__(self, doomed: str) -> None:
        self._doomed = doomed
        self.times: list[float] = []

    def __call__(self, event: Event) -> None:
        if event.kind == "epoch" and event.job == self._doomed:
            self.times.append(time.monotonic())
            if len(self.times) == 1:
                _kill_worker()


def _survived(
    bench: Bench, recorder: Recorder, ended: tuple[JobResult, list[int]], watch: _Watch
) -> None:
    """A job that lost a worker must go on from its last epoch."""
    result, epochs = ended
    line = {"status": result.status, "attempt": result.attempt, "epochs": epochs}
    right = result.status == "done" and epochs == [1, 2, 3, 4]
    recorder.tell("a worker killed", line, "done, each epoch once", right)
    gap = max((after - before for before, after in pairwise(watch.times)), default=0.0)
    recorder.tell("longest time between epochs, s", gap, "< 30", bench.judged(gap < 30))


def _kill_worker() -> None:
    import ray
    from ray.util.state import list_actors

    alive = [("class_name", "=", "RayTrainWorker"), ("state", "=", "ALIVE")]
    # By its address: without one Ray refuses to choose where several Rays run on a machine.
    address = ray.get_runtime_context().gcs_address
    workers = list_actors(address=address, filters=alive)
    if workers:
        os.kill(workers[-1].pid, signal.SIGKILL)
