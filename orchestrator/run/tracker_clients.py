"""The clients of trackers: TensorBoard's event files, and mlflow."""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compound.orchestrator.run.trackers import Client, Opens, Run
from compound.schemas.job import EpochRow
from compound.schemas.study import Tracker

FOLDER = "COMPOUND_TENSORBOARD"
"""The environment variable with the folder for event files."""
_DEFAULT_FOLDER = "tensorboard"
_JOB = "compound.job"
_ENDINGS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
_BATCH = 1000
"""The most values that mlflow accepts in one request."""


def opens(names: Sequence[Tracker]) -> dict[Tracker, Opens]:
    """Return the functions that make the clients of trackers."""
    every: dict[Tracker, Opens] = {"tensorboard": _tensorboard, "mlflow": _mlflow}
    return {name: every[name] for name in names}


def _tensorboard(study: str) -> Client:
    return TensorBoard(Path(os.environ.get(FOLDER) or _DEFAULT_FOLDER) / study)


def _mlflow(study: str) -> Client:
    return Mlflow(study)


class TensorBoard:
    """Event files in a folder for each job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, job: str, label: str) -> Run:
        """Begin a job's next file."""
        return EventFile(self._folder / _folder_name(label, job))


def _folder_name(label: str, job: str) -> str:
    """Return a name that people can read and no two jobs share."""
    return f"{re.sub(r'[^A-Za-z0-9.,=_-]+', '_', label)[:100]}-{job}".lstrip(".-")


class EventFile:
    """One file of a job's folder, a new one for every run: it replaces the earlier ones."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # TensorBoard leaves out of earlier files all points with this step or a later one. Rows
        # begin at 1, so every point is replaced; the store still has all of them.
        self._writer: Any = SummaryWriter(str(folder), purge_step=1)

    def last_epoch(self) -> int:
        """Return 0: the new file gets every row."""
        return 0

    def add(self, rows: Sequence[EpochRow]) -> None:
        """Write rows by epoch, and flush them for readers."""
        for row in rows:
            for name, value in row.metrics.items():
                self._writer.add_scalar(name, value, row.epoch, row.wall_time)
        self._writer.flush()

    def close(self, status: str) -> None:
        """Close the file."""
        self._writer.close()


class Mlflow:
    """Runs of an experiment with the study's name, wherever MLFLOW_TRACKING_URI says."""

    def __init__(self, study: str) -> None:
        # mlflow 3 reports usage over the network by default.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._client: Any = mlflow.MlflowClient()
        experiment = self._client.get_experiment_by_name(study)
        existing = experiment.experiment_id if experiment else None
        self._experiment = existing or self._client.create_experiment(study)

    def run(self, job: str, label: str) -> Run:
        """Begin a run, or continue the one that has the job's id as a tag."""
        earlier = self._client.search_runs([self._experiment], f"tags.`{_JOB}` = '{job}'", 1)
        if earlier:
            self._client.update_run(earlier[0].info.run_id, "RUNNING")
            return MlflowRun(self._client, earlier[0])
        name = f"{label} {job}".strip()
        made = self._client.create_run(self._experiment, run_name=name, tags={_JOB: job})
        return MlflowRun(self._client, made)


class MlflowRun:
    """One run of mlflow."""

    def __init__(self, client: Any, run: Any) -> None:
        self._client, self._id = client, run.info.run_id
        self._metrics: dict[str, float] = run.data.metrics

    def last_epoch(self) -> int:
        """Return the last epoch of the run: rows are logged whole and in their order."""
        histories = (self._client.get_metric_history(self._id, name) for name in self._metrics)
        return max((point.step for history in histories for point in history), default=0)

    def add(self, rows: Sequence[EpochRow]) -> None:
        """Log rows by epoch, in few requests, each with whole rows."""
        from mlflow.entities import Metric

        values: list[Any] = []
        for row in rows:
            if len(values) + len(row.metrics) > _BATCH:
                self._client.log_batch(self._id, metrics=values)
                values = []
            at = int(1000 * row.wall_time), row.epoch
            values += [Metric(name, value, *at) for name, value in row.metrics.items()]
        self._client.log_batch(self._id, metrics=values)

    def close(self, status: str) -> None:
        """End the run."""
        self._client.set_terminated(self._id, _ENDINGS.get(status, "KILLED"))
