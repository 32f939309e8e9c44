"""Stores for the live page: studies whose training is made up, with curves and workers."""

import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.study import Study
from compound.schemas.job import EpochRow, Event, JobRequest, JobResult, TrainJob
from compound.schemas.metrics import ACCURACY, SECONDS
from tests.support.many_jobs import Scene
from tests.support.simulated_studies import Silent

ROOT = Path(__file__).parents[2]
BEGAN = 1.7e9
"""When the first job began, in seconds since 1970."""


def accuracy(job: TrainJob, epoch: int) -> float:
    """Make up a score of an epoch: a curve that levels off at a value of the job's own."""
    last = 0.5 + int(job.id[:6], 16) / 2**24 / 4
    return float(last * (1 - 0.8 * 0.95 ** (100 * epoch / job.recipe.epochs)))


@dataclass
class Rehearsed:
    """A runner that trains nothing and logs everything: so many workers take jobs in turns."""

    workers: int = 16
    epoch_seconds: float = 6.0
    ends: list[float] = field(default_factory=list)
    stopping: bool = False

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        """Answer every request; see `Runner.run`."""
        ledger = ArtifactStore.open(store)
        self.ends = self.ends or [BEGAN] * self.workers
        return [self._trained(request, ledger, on_event) for request in requests]

    def _trained(self, request: JobRequest, store: ArtifactStore, on_event: OnEvent) -> JobResult:
        job, worker = request.job, min(range(self.workers), key=lambda i: self.ends[i])
        began, seconds = self.ends[worker], job.recipe.epochs * self.epoch_seconds
        self.ends[worker] = began + seconds + 2
        where = {"host": f"node-{worker // 4}", "worker": f"node-{worker // 4}/{4000 + worker}"}
        plain = {"job": job.id, "label": request.label, "attempt": 1, "driver": "head/1", **where}
        on_event(Event(kind="started", wall_time=began, workers=1, **plain))
        with store.writer(job) as writer:
            writer.resume()
            for epoch in range(1, job.recipe.epochs + 1):
                writer.log(_row(job, epoch, began + epoch * self.epoch_seconds, self.epoch_seconds))
            metrics = {ACCURACY: accuracy(job, job.recipe.epochs)}
            result = JobResult(
                job=job.id,
                status="done",
                attempt=1,
                epochs=job.recipe.epochs,
                metrics=metrics,
                seconds=seconds,
            )
            writer.finish(result, None)
        on_event(Event(kind="ended", wall_time=began + seconds, result=result, **plain))
        return result

    def request_stop(self) -> None:
        """Stop nothing: everything has ended."""


def _row(job: TrainJob, epoch: int, moment: float, seconds: float) -> EpochRow:
    metrics = {ACCURACY: accuracy(job, epoch), "train_loss": 1 / epoch, SECONDS: seconds}
    return EpochRow(
        job=job.id, attempt=1, epoch=epoch, step=epoch, metrics=metrics, wall_time=moment
    )


@dataclass(frozen=True)
class Logged(Silent):
    """Keeps the events of a study in its store, as a driver does."""

    folder: StudyFolder

    def event(self, event: Event) -> None:
        """Something happened to a job."""
        self.folder.append_event(event)


def rehearsed(folder: Path, *overrides: str) -> str:
    """Run the study of benchmarks/tables/scale.yaml without training; return its store."""
    scene = Scene.of(overrides, str(folder))
    plan, store = scene.prepared(), scene.store
    Study(scene.spec, "", store, Rehearsed(), Logged(store.study(scene.spec.name))).run(plan)
    return scene.spec.store


def published(folder: Path) -> str:
    """Unpack the published study of CIFAR-10 into a folder; return its store."""
    with tarfile.open(ROOT / "docs" / "results" / "cifar10" / "store.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    (store,) = folder.rglob("store.json")
    return str(store.parent)


@dataclass(frozen=True)
class Server:
    """A server of the live page."""

    address: str
    pid: int

    @property
    def megabytes(self) -> float:
        """The memory that it has."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextmanager
def served(store: str) -> Iterator[Server]:
    """Serve the live page of a store by the command."""
    command = [sys.executable, "-m", "compound", "dashboard", store, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        try:
            yield Server(server.stdout.readline().strip().rstrip("/"), server.pid)
        finally:
            server.send_signal(signal.SIGINT)
