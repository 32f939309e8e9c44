"""Records an attempt at a job in the store. Only the first rank writes, but all take part."""

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from compound.jobs.data.batches import Source
from compound.jobs.parallel.collective import summed, text_from, together
from compound.jobs.parallel.process import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.local_folders import refuse_vanished
from compound.jobs.store.format.checkpoint import NORM_EPSILON, Checkpoint, Extra, Position
from compound.jobs.store.format.manifest import Attempt
from compound.jobs.store.format.predictions import Predictions
from compound.jobs.store.format.schema_version import MARKER
from compound.jobs.store.writing.job_writer import JobWriter
from compound.jobs.training.checkpoints.checkpointing import checkpoint_writer
from compound.jobs.training.checkpoints.restore import common_statistics, load_checkpoint
from compound.jobs.training.checkpoints.snapshot import Snapshot
from compound.jobs.training.environment import environment
from compound.jobs.training.loop.epoch_position import DATA, Interrupted, Partial
from compound.jobs.training.loop.trainer import Metrics, Trainer
from compound.schemas.architecture import Architecture
from compound.schemas.job import Cause, EpochRow, JobResult, TrainJob
from compound.schemas.metrics import ACCURACY
from compound.schemas.store_uri import bucket_of

_LOOK_S = 10.0
"""Seconds between two looks at whether the store is still there."""


class JobRecorder:
    """Keeps the position of a job, and writes rows, checkpoints and the result.

    All ranks have the same numbers, and all call every method but `end` at the same time.
    """

    def __init__(
        self,
        job: TrainJob,
        store: ArtifactStore,
        process: Process,
        splits: int = 1,
        continues: str | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin a new attempt. StoreError: the store cannot be written.

        `stopping`: whether to end. A lone rank ends after the next step; several end at the next
        checkpoint inside an epoch, if it is true on one of them.
        """
        self._job, self._process, self._continues = job, process, continues
        self._store = store
        self.splits, self._stopping = splits, stopping
        self._started = self._looked = time.monotonic()
        self._writer = together(process, lambda: _writer(job, store, process))
        name = self._writer.identity.name if self._writer else ""
        identity = Attempt.named(text_from(0, name, process))
        self.attempt = identity.number
        self.epoch, self._step, self.begun = 0, 0, Partial()
        self._checkpoints = checkpoint_writer(job, store, process, self._writer, identity)
        self._saved = Position(0, 0)
        self._snapshot: Snapshot | None = None
        self._metrics: Metrics = {}
        self._predictions: Predictions | None = None
        self.notes: tuple[str, ...] = ()
        """Notes for the result: what was done differently from the job's recipe."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._checkpoints:
            self._checkpoints.close()

    @property
    def fresh(self) -> bool:
        """Whether no step has been trained yet."""
        return self._saved.step == 0

    def resume(self, trainer: Trainer) -> None:
        """Restore the trainer from the last checkpoint, if there is one."""
        checkpoint = together(self._process, self._latest_checkpoint)
        stored = load_checkpoint(trainer, self._store, checkpoint, self._process)
        if stored is None:
            return
        extra = json.loads(text_from(0, json.dumps(checkpoint and checkpoint.extra), self._process))
        self._saved = Position(stored.epoch, stored.step, stored.epoch_step)
        self.epoch, self._step, within = self._saved
        self.begun, self._metrics = Partial.from_numbers(within, extra)
        self._step -= within

    def _latest_checkpoint(self) -> Checkpoint | None:
        return self._writer.resume(self._continues) if self._writer else None

    def train(self, trainer: Trainer) -> Metrics:
        """Train the next epoch, or the rest of it, with the checkpoints that are due inside.

        Raises Interrupted: the job is to stop, and there is a checkpoint of the last step.
        """
        started = time.monotonic() - self.begun.seconds

        def after_step(done: int, sums: Tensor) -> None:
            self._refuse_vanished()
            due = self._due(done, trainer.steps.per_epoch)
            stop = self._agree_to_stop(due)
            if due or stop:
                self.begun = Partial(done, seconds=time.monotonic() - started)
                self._save_within(trainer, sums)
            if stop:
                raise Interrupted

        return trainer.epoch(self.epoch + 1, self.begun, after_step)

    def _refuse_vanished(self) -> None:
        """Raise StoreError where the store is gone: an epoch may take hours until the next row.

        Looked at by the first rank, every few seconds, on a disk; in a bucket nothing is deleted
        that is still open.
        """
        if self._writer and time.monotonic() - self._looked > _LOOK_S:
            self._looked = time.monotonic()
            if bucket_of(self._store.uri) is None:
                refuse_vanished(f"{self._store.uri}/{MARKER}")

    def _due(self, done: int, per_epoch: int) -> bool:
        every = self._job.recipe.checkpoint_steps
        return every > 0 and done % every == 0 and done < per_epoch

    def _agree_to_stop(self, due: bool) -> bool:
        if self._process.world_size == 1:
            return self._stopping()
        if not due:
            return False
        stopping_ranks = torch.tensor(int(self._stopping()), device=self._process.device)
        return bool(summed(stopping_ranks, self._process))

    def record(self, metrics: Metrics, trainer: Trainer) -> EpochRow:
        """Record the epoch that has just ended, with a checkpoint if one is due."""
        self.epoch, self._metrics, self.begun = self.epoch + 1, metrics, Partial()
        self._step += trainer.steps.per_epoch
        row = EpochRow(
            job=self._job.id,
            attempt=self.attempt,
            epoch=self.epoch,
            step=self._step,
            metrics=metrics,
            wall_time=time.time(),
        )
        if self.epoch == self._job.recipe.epochs:
            self._predictions = trainer.predictions()
        together(self._process, lambda: self._write(row, trainer))
        return row

    def complete(self, trainer: Trainer) -> None:
        """Evaluate again where an earlier attempt ended after the last epoch without predictions.

        They are only kept where they are those that the stored accuracy counts.
        """
        if self._predictions is None:
            _, correct, images = trainer.evaluate()
            predictions = trainer.predictions()
            if correct / images == self._metrics.get(ACCURACY):
                self._predictions = predictions

    def settle(self) -> None:
        """Wait until the last checkpoint is durable. StoreError, on all ranks: it cannot be."""
        together(self._process, lambda: self._checkpoints.wait() if self._checkpoints else None)

    def end(self, cause: Cause | None = None) -> JobResult:
        """Record how the attempt ended: done without a cause, otherwise stopped or failed."""
        result = self._result(cause)
        if self._checkpoints and result.status == "failed":
            self._checkpoints.give_up()
        if self._writer:
            self._writer.finish(result, self._predictions if result.status == "done" else None)
        return result

    def stop(self, trainer: Trainer) -> JobResult:
        """End after an epoch, with a checkpoint of it, or where `train` was interrupted.

        The job is done if no epoch is left. No rank waits for another here.
        """
        if not self.begun.steps:
            self._save(trainer, None, {})
        done = self.epoch == self._job.recipe.epochs
        return self.end(None if done else self._interrupted())

    @property
    def stopping(self) -> bool:
        """Whether this lone process is to stop; False for several, which must agree first."""
        return self._process.world_size == 1 and self._stopping()

    def abandon(self) -> JobResult:
        """End as stopped without a new checkpoint: the job resumes from the last one."""
        return self.end(self._interrupted())

    def _interrupted(self) -> Cause:
        message = f"stopped after epoch {self.epoch} of {self._job.recipe.epochs}"
        if self.begun.steps:
            message += f" and step {self.begun.steps} of the next"
        return Cause(kind="interrupted", message=message)

    def unwritten(self, cause: Cause) -> JobResult:
        """Return the result of an attempt whose end could not be written."""
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
            notes=self.notes,
        )

    def _write(self, row: EpochRow, trainer: Trainer) -> None:
        if self._writer:
            self._writer.log(row)
        recipe = self._job.recipe
        if row.epoch % recipe.checkpoint_every == 0 or row.epoch == recipe.epochs:
            self._save(trainer, None, {})

    def _save_within(self, trainer: Trainer, sums: Tensor) -> None:
        """Save inside an epoch, when each rank has its own sums and statistics."""
        several = self._process.world_size > 1
        # Copies, as summed() works in place, and this rank goes on with its own numbers.
        statistics = common_statistics(trainer, self._process) if several else {}
        sums = summed(sums.clone(), self._process) if several else sums
        together(self._process, lambda: self._save(trainer, sums, statistics))

    def _save(self, trainer: Trainer, sums: Tensor | None, statistics: dict[str, Tensor]) -> None:
        """Let a thread write a copy of the state, after the checkpoint before is durable."""
        within = self.begun.steps
        position = Position(self.epoch, self._step + within, within)
        if self._checkpoints and self._saved != position:
            self._checkpoints.wait()
            self._snapshot = snapshot = self._snapshot or Snapshot(trainer)
            snapshot.take(trainer, sums, statistics)
            metrics, seconds = dict(self._metrics), self.begun.seconds
            about = _about(trainer.source, self._job)
            extra = lambda: {**_extra(snapshot, metrics, within, seconds), **about}  # noqa: E731
            self._checkpoints.save(position, snapshot, extra)
        self._saved = position


def _extra(snapshot: Snapshot, metrics: Metrics, steps: int, seconds: float) -> Extra:
    """Return the numbers beside a snapshot's tensors, in the thread that writes them."""
    return {**metrics, **Partial(steps, *snapshot.sums, seconds).as_numbers()}


def _about(source: Source, job: TrainJob) -> Extra:
    """Return mean and deviation of the channels as JSON, from 0 to 1, and an epsilon if stated."""
    about: Extra = {
        f"{DATA}{name}": json.dumps([value / 255 for value in tensor.tolist()])
        for name, tensor in zip(("mean", "deviation"), source.moments, strict=True)
    }
    network = job.architecture
    if isinstance(network, Architecture) and network.norm_epsilon is not None:
        about[NORM_EPSILON] = network.norm_epsilon
    return about


def _writer(job: TrainJob, store: ArtifactStore, process: Process) -> JobWriter | None:
    if not process.leads:
        return None
    record = environment(job, process)
    return store.writer(job, world_size=process.world_size, environment=record)
