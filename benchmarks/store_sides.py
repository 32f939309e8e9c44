"""The sides of benchmarks/store.py: the same work for our store and for its peers.

Peers are imported where they are used: they are installed for the benchmark alone.
"""

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from compound.jobs.data.batches import Feeder
from compound.jobs.data.source import summarise
from compound.jobs.run_job import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.planned_jobs import Line
from compound.jobs.store.writing.job_writer import JobWriter
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, EpochRow, Event, JobResult, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.small_network import SMALL

METRICS, JOBS, BATCH = 20, 100, 1000
NAMES = tuple(f"metric_{number:02d}" for number in range(METRICS))
READ = NAMES[7]
ACCURACY = {"validation_accuracy": 0.5}


def job(seed: int = 0, images: int = 64) -> TrainJob:
    """Return a small job."""
    spec = SyntheticData(source="synthetic", images=images, validation_images=32, size=32)
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    recipe = Recipe(epochs=1, batch=64)
    return TrainJob(architecture=SMALL, recipe=recipe, data=data, seed=seed)


def values(epoch: int) -> dict[str, float]:
    """Make up the metrics of an epoch, with digits that do not repeat, as measured ones do not."""
    return {
        name: math.sin(epoch * 12.9898 + index * 78.233) * 43758.5453 % 1.0
        for index, name in enumerate(NAMES)
    }


def _row(
    job_id: str, attempt: int, epoch: int, metrics: dict[str, float] | None = None
) -> EpochRow:
    return EpochRow(
        job=job_id,
        attempt=attempt,
        epoch=epoch,
        step=epoch,
        metrics=metrics or values(epoch),
        wall_time=1e9 + epoch,
    )


def _log(writer: JobWriter, of: TrainJob, rows: int) -> None:
    for epoch in range(1, rows + 1):
        writer.log(_row(of.id, writer.attempt, epoch))


def _result(of: TrainJob, attempt: int, epochs: int) -> JobResult:
    return JobResult(job=of.id, status="done", attempt=attempt, epochs=epochs, metrics=ACCURACY)


def log_compound(folder: Path, rows: int) -> float:
    """Return scalars a second through a writer, from its claim to the job's last commit."""
    store, of = ArtifactStore.open(str(folder / "runs")), job()
    began = time.perf_counter()
    with store.writer(of) as writer:
        _log(writer, of, rows)
        writer.finish(_result(of, writer.attempt, rows))
    return rows * METRICS / (time.perf_counter() - began)


def log_mlflow(folder: Path, rows: int, batch: int = METRICS) -> float:
    """Return scalars a second through mlflow's client; the database is made before."""
    import mlflow
    from mlflow.entities import Metric

    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.create_experiment("scalars", artifact_location=str(folder))
    run = client.create_run(experiment).info.run_id
    every = [
        Metric(name, value, 0, epoch)
        for epoch in range(1, rows + 1)
        for name, value in values(epoch).items()
    ]
    began = time.perf_counter()
    for start in range(0, len(every), batch):
        client.log_batch(run, metrics=every[start : start + batch])
    client.set_terminated(run)
    return len(every) / (time.perf_counter() - began)


def log_tensorboard(folder: Path, rows: int) -> float:
    """Return scalars a second through a SummaryWriter, to the fsync of its file."""
    began = time.perf_counter()
    _write_events(folder, rows)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return rows * METRICS / (time.perf_counter() - began)


def _write_events(folder: Path, rows: int) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for epoch in range(1, rows + 1):
            for name, value in values(epoch).items():
                writer.add_scalar(name, value, epoch)


def record_compound(folder: Path, count: int, threads: int) -> float:
    """Return jobs a second in a study's own records: planned, begun, measured once, ended."""
    study = ArtifactStore.open(str(folder / "runs")).study("study")
    jobs = _jobs(count)
    planned = [
        Line("plan.json", "search", job_.id, f"job {job_.seed}", "c", 1, job_.seed, 8, 1.2, 1.1, 9)
        for job_ in jobs
    ]

    def record(number: int) -> None:
        recorded = jobs[number]
        event = partial(Event, job=recorded.id, label=planned[number].label)
        study.append_event(event(kind="started", workers=1))
        study.append_event(event(kind="epoch", row=_row(recorded.id, 1, 1, ACCURACY)))
        study.append_event(event(kind="ended", result=_result(recorded, 1, 1)))

    began = time.perf_counter()
    study.planned_jobs.write({}, planned)
    _at_once(record, count, threads)
    return count / (time.perf_counter() - began)


def carry_compound(folder: Path, count: int, threads: int) -> float:
    """Return jobs a second in folders of their own: claimed, begun, a row, the last commit."""
    store, jobs = ArtifactStore.open(str(folder / "runs")), _jobs(count)

    def record(number: int) -> None:
        of = jobs[number]
        with store.writer(of) as writer:
            writer.resume()
            writer.log(_row(of.id, writer.attempt, 1, ACCURACY))
            writer.finish(_result(of, writer.attempt, 1))

    began = time.perf_counter()
    _at_once(record, count, threads)
    return count / (time.perf_counter() - began)


def _jobs(count: int) -> list[TrainJob]:
    return [job().model_copy(update={"seed": seed}) for seed in range(count)]


def record_optuna(folder: Path, count: int, threads: int, kind: str = "sqlite") -> float:
    """Return trials a second: each one is asked, reports once, and is told (Optuna's words)."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = _optuna_storage(folder, kind)
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())
    distributions: dict[str, Any] = {
        name: optuna.distributions.FloatDistribution(1, 2) for name in ("alpha", "beta", "gamma")
    }

    def record(number: int) -> None:
        trial = study.ask(distributions)
        trial.report(0.5, 1)
        study.tell(trial, 0.5)

    began = time.perf_counter()
    _at_once(record, count, threads)
    return count / (time.perf_counter() - began)


def _optuna_storage(folder: Path, kind: str) -> Any:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if kind == "journal":
        return JournalStorage(JournalFileBackend(f"{folder}/journal.log"))
    waiting = {"connect_args": {"timeout": 60}}
    return RDBStorage(f"sqlite:///{folder}/optuna.db", engine_kwargs=waiting)


def _at_once(record: Callable[[int], None], count: int, threads: int) -> None:
    if threads == 1:  # as a driver does it: without handing over from thread to thread
        for number in range(count):
            record(number)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(record, range(count)))


def fill_compound(folder: Path, rows: int) -> None:
    """Write ended jobs of many rows."""
    store = ArtifactStore.open(str(folder))
    for seed in range(JOBS):
        of = job(seed)
        with store.writer(of) as writer:
            _log(writer, of, rows)
            writer.finish(_result(of, writer.attempt, rows))


def read_compound(folder: Path) -> float:
    """Return the seconds that one metric of all jobs takes, verified."""
    began = time.perf_counter()
    store = ArtifactStore.open(str(folder), create=False)
    table = store.metrics(store.jobs(), names=(READ,))
    took = time.perf_counter() - began
    assert table.num_rows % JOBS == 0, table.num_rows
    assert table["name"].unique().to_pylist() == [READ]
    return took


def fill_tensorboard(folder: Path, rows: int, runs: int) -> None:
    """Write the same rows into event files."""
    for number in range(runs):
        _write_events(folder / str(number), rows)


def read_tensorboard(folder: Path) -> float:
    """Return the seconds that one metric of all runs takes."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    began = time.perf_counter()
    count = 0
    for run in folder.iterdir():
        events = EventAccumulator(str(run), size_guidance={"scalars": 0})
        events.Reload()
        count += len(events.Scalars(READ))
    took = time.perf_counter() - began
    assert count
    return took


class Stepping:
    """Training steps of a small network, batch 64 of 32 pixels, with one thread."""

    def __init__(self) -> None:
        self._job = job(images=640)
        feeder = Feeder(
            DataCache().at(self._job.data, 32), self._job.recipe.augment, Process.single(1).device
        )
        self._trainer = Trainer(self._job, feeder, Process.single(1))

    def take(self, steps: int, folder: Path | None = None) -> float:
        """Return milliseconds a step, with a row logged for each where a folder is given."""
        began, done, logged = time.perf_counter(), 0, 0.0
        while done < steps:
            self._trainer.epoch(1)
            done += 10
        took = time.perf_counter() - began
        if folder:
            logged = self.log(folder, done) * done / 1000
        return 1000 * (took + logged) / done

    def log(self, folder: Path, steps: int) -> float:
        """Return milliseconds that logging takes of a step."""
        store = ArtifactStore.open(str(folder / "runs"))
        with store.writer(self._job) as writer:
            writer.resume()
            began = time.perf_counter()
            _log(writer, self._job, steps)
            return 1000 * (time.perf_counter() - began) / steps
