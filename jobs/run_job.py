"""Runs one job: from its last checkpoint in the store to its result there, or evaluates it."""

import logging
from collections.abc import Callable, Generator

from compound.jobs.evaluate_job import evaluate
from compound.jobs.parallel.collective import text_from, together
from compound.jobs.parallel.failure import Diverged, at_smallest_micro_batch, classify
from compound.jobs.parallel.process import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.checkpoints.restore import load_initial_weights, rewind
from compound.jobs.training.compiling.compiler import (
    Compiled,
    explained,
    from_compiling,
)
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.ended_program import RAISED, network_error
from compound.jobs.training.job_isolation import Epochs, isolated
from compound.jobs.training.job_recorder import JobRecorder
from compound.jobs.training.job_trainer import trainer_of
from compound.jobs.training.loop.epoch_position import Interrupted
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.errors import StoreError
from compound.schemas.job import EpochRow, JobRequest, JobResult, TrainJob

__all__ = ["Process", "run", "run_request"]

_log = logging.getLogger(__name__)


def run_request(
    request: JobRequest,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    stopping: Callable[[], bool] = lambda: False,
) -> Epochs:
    """Train the job of a request, or evaluate what it has trained; see `run` and `evaluate`."""
    if request.evaluates is not None:
        return evaluate(request, store, process, data)
    splits, continues, profile = request.splits, request.continues, request.profile
    return run(request.job, store, process, data, splits, continues, stopping, profile)


def run(
    job: TrainJob,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    splits: int = 1,
    continues: str | None = None,
    stopping: Callable[[], bool] = lambda: False,
    profile: bool = False,
) -> Epochs:
    """Train a job; yield a row after each epoch, on every rank, and return the result.

    A job that is done in the store yields nothing. Any other starts from its last checkpoint, or
    else from that of the job that it `continues`. `splits`: see JobRequest. An error in training
    becomes a result with status `failed`.

    Closing the generator after an epoch writes a checkpoint of it and records the status `stopped`.
    Several ranks have to close after the same epoch; their process group belongs to the caller.
    `stopping` is called by a lone process after every step, and by several at their checkpoints
    inside an epoch. If it returns True, the job ends there, with a checkpoint, as `stopped`.
    `profile`: store a trace of a few steps.
    """
    trained = _run(job, store, process, data, splits, continues, stopping, profile)
    return (yield from isolated(job, process, splits, trained))


def _run(
    job: TrainJob,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    splits: int,
    continues: str | None,
    stopping: Callable[[], bool],
    profile: bool,
) -> Epochs:
    try:
        done = _already_done(job, store, process)
        recorder = None if done else JobRecorder(job, store, process, splits, continues, stopping)
    except Exception as error:
        return _failed_before_start(job, process, error)
    if recorder is None:
        assert done is not None
        return done
    with recorder:
        return (yield from _attempt(job, store, recorder, process, data, profile))


def _attempt(
    job: TrainJob,
    store: ArtifactStore,
    recorder: JobRecorder,
    process: Process,
    data: DataCache,
    profile: bool,
) -> Epochs:
    trainer = None
    try:
        trainer = together(process, lambda: trainer_of(job, process, data, recorder.splits))
        recorder.resume(trainer)
        if recorder.fresh:
            _begin(trainer, job, process)
        compiled = (
            Compiled(trainer.module, process.world_size) if job.recipe.compile is True else None
        )
        trainer.connect()
        if profile and process.leads and recorder.epoch < job.recipe.epochs:
            yield from _yielded(_traced(job, store, recorder, trainer))
        while recorder.epoch < job.recipe.epochs:
            row = recorder.record(recorder.train(trainer), trainer)
            recorder.notes = _notes(trainer, compiled)
            yield from _yielded(row)
        recorder.complete(trainer)
        recorder.settle()
        return recorder.end()
    except Interrupted:
        assert trainer is not None, "the generator waits after an epoch"
        return _stopped(recorder, trainer)
    except Diverged as error:
        # The diagnosis needs the memory of this trainer, to which frames of the traceback refer.
        trainer, error.__traceback__ = None, None
        return _failed(recorder, _located(error, job, store, process, data, recorder), trainer)
    except RAISED as error:
        # Ctrl-C in a terminal signals the whole process group, so it also ends compiler processes.
        if recorder.stopping and from_compiling(error):
            return recorder.abandon()
        return _failed(recorder, explained(network_error(error, process)), trainer)


def _yielded(row: EpochRow) -> Generator[EpochRow, None, None]:
    """Yield a row. Raises Interrupted if the generator is closed meanwhile."""
    try:
        yield row
    except GeneratorExit:
        raise Interrupted from None


def _notes(trainer: Trainer, compiled: Compiled | None) -> tuple[str, ...]:
    notes = (compiled.note() if compiled else "", trainer.graphs.note if trainer.graphs else "")
    return tuple(filter(None, notes))


def _traced(
    job: TrainJob, store: ArtifactStore, recorder: JobRecorder, trainer: Trainer
) -> EpochRow:
    """Train one epoch and trace a few of its steps."""
    from compound.jobs.training.profiling import profiled, trace_file

    with trace_file() as trace:
        with profiled(trainer, trace):
            row = recorder.record(recorder.train(trainer), trainer)
        if trace.exists():
            store.keep_trace(job.id, trace.read_bytes())
    return row


def _located(
    error: Diverged,
    job: TrainJob,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    recorder: JobRecorder,
) -> Diverged:
    """Return the error with the layer that put out NaN first, by training that step again."""
    from compound.jobs.training.nan_diagnosis import diagnose

    try:
        recorder.settle()
        trainer = together(process, lambda: trainer_of(job, process, data, recorder.splits))
        epoch, within = rewind(trainer, job, store, process)
        trainer.connect()
        return diagnose(trainer, epoch, within, error)
    except RAISED as second:  # the first error is the cause of the job's end
        _log.warning("the layer could not be found: %s", second)
        return error


def _begin(trainer: Trainer, job: TrainJob, process: Process) -> None:
    together(process, lambda: load_initial_weights(trainer, job, process))


def _already_done(job: TrainJob, store: ArtifactStore, process: Process) -> JobResult | None:
    """Return the result of a job that is done, as the first rank reads it."""
    result = together(process, lambda: store.result(job.id) if process.leads else None)
    done = result.model_dump_json() if result and result.status == "done" else ""
    text = text_from(0, done, process)
    return JobResult.model_validate_json(text) if text else None


def _stopped(recorder: JobRecorder, trainer: Trainer) -> JobResult:
    try:
        return recorder.stop(trainer)
    except Exception as error:
        return _failed(recorder, error, trainer)


def _failed(recorder: JobRecorder, error: Exception, trainer: Trainer | None) -> JobResult:
    cause = classify(error)
    cause = at_smallest_micro_batch(cause, trainer.steps.micro) if trainer else cause
    _log.debug("job failed: %s", cause.traceback)
    try:
        return recorder.end(cause)
    except (StoreError, OSError) as unwritten:
        _log.warning("the end of this job could not be written: %s", unwritten)
        return recorder.unwritten(cause)


def _failed_before_start(job: TrainJob, process: Process, error: Exception) -> JobResult:
    return JobResult(
        job=job.id,
        status="failed",
        attempt=0,
        epochs=0,
        cause=classify(error),
        world_size=process.world_size,
        device=process.name,
    )
