"""What an attempt at a job leaves in the store. The first rank writes, the others go along."""

import json
import time
from types import TracebackType
from typing import Self

from jobs.store.artifacts import ArtifactStore
from jobs.store.writer import JobWriter
from jobs.training.collective import text_from, together
from jobs.training.process import Process
from jobs.training.state import restore, spread, tensors
from jobs.training.trainer import Metrics, Trainer
from schemas.job import Cause, EpochRow, JobResult, TrainJob


class Journal:
    """Knows how far a job has come, and writes it down.

    All ranks hold the same numbers; every method but `end` is called by all of them together.
    """

    def __init__(
        self,
        job: TrainJob,
        store: ArtifactStore,
        process: Process,
        splits: int = 1,
        continues: str | None = None,
    ) -> None:
        """Begin a new attempt. StoreError: the store cannot be written."""
        self._job, self._process, self._continues = job, process, continues
        self.splits = splits
        self._started = time.monotonic()
        self._writer = together(process, lambda: _writer(job, store, process))
        number = str(self._writer.attempt) if self._writer else ""
        self.attempt = int(text_from(0, number, process))
        self.epoch, self._step, self._saved = 0, 0, 0
        self._metrics: Metrics = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer:
            self._writer.__exit__(kind, error, trace)

    def resume(self, trainer: Trainer) -> None:
        """Put the trainer back to where the last checkpoint left off, if there is one."""
        found = together(self._process, lambda: self._restore(trainer))
        position = json.loads(text_from(0, json.dumps(found), self._process))
        if position is None:
            return
        self.epoch, self._step, self._metrics = position
        self._saved = self.epoch
        spread(trainer, self._process)

    def record(self, metrics: Metrics, trainer: Trainer) -> EpochRow:
        """Write down the epoch that has just ended, with a checkpoint where one is due."""
        self.epoch, self._metrics = self.epoch + 1, metrics
        self._step += trainer.steps.per_epoch
        row = EpochRow(
            job=self._job.id,
            attempt=self.attempt,
            epoch=self.epoch,
            step=self._step,
            metrics=metrics,
            wall_time=time.time(),
        )
        together(self._process, lambda: self._write(row, trainer))
        return row

    def end(self, cause: Cause | None = None) -> JobResult:
        """Write down how the attempt ended: done without a cause, else stopped or failed."""
        result = self._result(cause)
        if self._writer:
            self._writer.finish(result)
        return result

    def stop(self, trainer: Trainer) -> JobResult:
        """End between two epochs, with a checkpoint of the last one; done if none is left."""
        self._save(trainer)
        epochs = self._job.recipe.epochs
        if self.epoch == epochs:
            return self.end()
        message = f"stopped after epoch {self.epoch} of {epochs}"
        return self.end(Cause(kind="interrupted", message=message))

    def unwritten(self, cause: Cause) -> JobResult:
        """Return the result of an attempt whose end the store would not take."""
        return self._result(cause)

    def _result(self, cause: Cause | None) -> JobResult:
        stopped = cause is not None and cause.kind == "interrupted"
        return JobResult(
            job=self._job.id,
            status="stopped" if stopped else "failed" if cause else "done",
            attempt=self.attempt,
            epochs=self.epoch,
            metrics=self._metrics,
            cause=cause,
            seconds=time.monotonic() - self._started,
            world_size=self._process.world_size,
            device=self._process.name,
            splits=self.splits,
        )

    def _restore(self, trainer: Trainer) -> tuple[int, int, Metrics] | None:
        checkpoint = self._writer.resume(self._continues) if self._writer else None
        if checkpoint is None:
            return None
        restore(trainer, checkpoint.model(), checkpoint.optimizer())
        metrics = {name: float(value) for name, value in checkpoint.extra.items()}
        return checkpoint.epoch, checkpoint.step, metrics

    def _write(self, row: EpochRow, trainer: Trainer) -> None:
        if self._writer:
            self._writer.log(row)
        recipe = self._job.recipe
        if row.epoch % recipe.checkpoint_every == 0 or row.epoch == recipe.epochs:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        if self._writer and self._saved < self.epoch:
            extra: dict[str, int | float | str] = dict(self._metrics)
            model, slots = tensors(trainer), trainer.optimiser.slots
            self._writer.save(self.epoch, self._step, model, slots, extra)
        self._saved = self.epoch


def _writer(job: TrainJob, store: ArtifactStore, process: Process) -> JobWriter | None:
    return store.writer(job, world_size=process.world_size) if process.leads else None
