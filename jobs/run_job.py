"""One job, from the store it may resume from to the result that it leaves there."""

import logging
from collections.abc import Callable, Generator

from compound.jobs.data.batches import Source
from compound.jobs.data.progressive_resizing import check_sizes
from compound.jobs.models.user_code import error_text
from compound.jobs.parallel.collective import text_from, together
from compound.jobs.parallel.failure import Diverged, classify, cornered
from compound.jobs.parallel.process import Process
from compound.jobs.runtime.precision import check_precision
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.checkpoints.restore import begin, rewind
from compound.jobs.training.compiling.compiler import (
    Compiled,
    check_compiler,
    explained,
    from_compiling,
)
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.job_isolation import Epochs, isolated
from compound.jobs.training.job_recorder import JobRecorder
from compound.jobs.training.loop.epoch_position import Interrupted
from compound.jobs.training.loop.trainer import Trainer
from compound.jobs.training.nan_diagnosis import diagnose
from compound.jobs.training.profiling import profiled, trace_file
from compound.schemas.errors import DataError, FactoryError, StoreError
from compound.schemas.job import EpochRow, JobResult, TrainJob

__all__ = ["Process", "run"]

_log = logging.getLogger(__name__)

_RAISED = (Exception, SystemExit, GeneratorExit)
"""What the code of a network may raise: `sys.exit()` in it ends its job, and no other."""


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
    """Train a job; yield a row after each epoch, on every rank, and return how it ended.

    A job that the store holds as done yields nothing. Any other starts from its last checkpoint,
    or else from that of the job that it `continues`. `splits`: see JobRequest.
    Whatever goes wrong in training becomes a result with status `failed`. Closing the generator
    after an epoch checkpoints that epoch and records the status `stopped`; with several ranks all
    of them have to close after the same one, and their process group is the caller's. `stopping`
    is asked after every step by a lone process, and by several at their checkpoints inside an
    epoch: once it holds, the job ends there, with a checkpoint, as `stopped`. `profile`: keep a
    trace of a few steps in the store.
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
        journal = None if done else JobRecorder(job, store, process, splits, continues, stopping)
    except Exception as error:
        return _never_began(job, process, error)
    if journal is None:
        assert done is not None
        return done
    with journal:
        return (yield from _attempt(job, store, journal, process, data, profile))


def _attempt(
    job: TrainJob,
    store: ArtifactStore,
    journal: JobRecorder,
    process: Process,
    data: DataCache,
    profile: bool,
) -> Epochs:
    trainer = None
    try:
        trainer = together(process, lambda: _trainer(job, process, data, journal.splits))
        journal.resume(trainer)
        if journal.fresh:
            _begin(trainer, job, process)
        compiled = (
            Compiled(trainer.module, process.world_size) if job.recipe.compile is True else None
        )
        trainer.connect()
        if profile and process.leads and journal.epoch < job.recipe.epochs:
            yield from _told(_traced(job, store, journal, trainer))
        while journal.epoch < job.recipe.epochs:
            row = journal.record(journal.train(trainer), trainer)
            journal.notes = _notes(trainer, compiled)
            yield from _told(row)
        journal.settle()
        return journal.end()
    except Interrupted:
        assert trainer is not None, "the generator waits after an epoch"
        return _stopped(journal, trainer)
    except Diverged as error:
        # Another trainer needs this one's memory, which the frames of the traceback hold.
        trainer, error.__traceback__ = None, None
        return _failed(journal, _located(error, job, store, process, data, journal), trainer)
    except _RAISED as error:
        # A terminal's Ctrl-C reaches the whole process group, and so ends the compiler as well.
        if journal.stopping and from_compiling(error):
            return journal.abandon()
        return _failed(journal, explained(_blamed(error, process)), trainer)


def _told(row: EpochRow) -> Generator[EpochRow, None, None]:
    """Yield a row. Raises Interrupted where the job is closed then."""
    try:
        yield row
    except GeneratorExit:
        raise Interrupted from None


def _blamed(error: BaseException, process: Process) -> Exception:
    """Return the error of a network that would end the program; other errors as they are."""
    if isinstance(error, Exception):
        return error
    blamed = FactoryError(
        f"the network's own code ended the program: {error_text(error, process.imports)}",
        next_step="raise an Exception there, or return",
    )
    blamed.__cause__ = error
    return blamed


def _notes(trainer: Trainer, compiled: Compiled | None) -> tuple[str, ...]:
    notes = (compiled.told() if compiled else "", trainer.graphs.told if trainer.graphs else "")
    return tuple(filter(None, notes))


def _traced(
    job: TrainJob, store: ArtifactStore, journal: JobRecorder, trainer: Trainer
) -> EpochRow:
    """Train one epoch with a few of its steps traced."""
    with trace_file() as trace:
        with profiled(trainer, trace):
            row = journal.record(journal.train(trainer), trainer)
        if trace.exists():
            store.keep_trace(job.id, trace.read_bytes())
    return row


def _located(
    error: Diverged,
    job: TrainJob,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    journal: JobRecorder,
) -> Diverged:
    """Return the error with the layer where numbers were lost, found by training there again."""
    try:
        journal.settle()
        trainer = together(process, lambda: _trainer(job, process, data, journal.splits))
        epoch, within = rewind(trainer, job, store, process)
        trainer.connect()
        return diagnose(trainer, epoch, within, error)
    except _RAISED as second:  # how the job ended is known, and counts
        _log.warning("the layer could not be found: %s", second)
        return error


def _begin(trainer: Trainer, job: TrainJob, process: Process) -> None:
    together(process, lambda: begin(trainer, job, process))


def _already_done(job: TrainJob, store: ArtifactStore, process: Process) -> JobResult | None:
    """Return the result of a job that needs no more training, as the first rank reads it."""
    found = together(process, lambda: store.result(job.id) if process.leads else None)
    done = found.model_dump_json() if found and found.status == "done" else ""
    text = text_from(0, done, process)
    return JobResult.model_validate_json(text) if text else None


def _trainer(job: TrainJob, process: Process, data: DataCache, splits: int) -> Trainer:
    check_sizes(job.recipe, job.architecture.resolution, job.architecture.total_stride)
    check_compiler(job.recipe, process.device)
    check_precision(job.recipe, process.device)
    source = data.source(
        job.data, job.architecture.resolution, job.recipe, process.device, process.threads
    )
    _check_fit(job, source)
    return Trainer(job, source, process, splits=splits)


def _check_fit(job: TrainJob, source: Source) -> None:
    """Raise DataError when the network was made for other images than there are."""
    network = (job.architecture.in_channels, job.architecture.num_classes)
    if source.channels != network[0] or source.highest_label >= network[1]:
        raise DataError(
            f"the network takes {network[0]} channels and tells {network[1]} classes apart; the "
            f"images have {source.channels} channels and labels up to {source.highest_label}",
            next_step="set in_channels and num_classes of the architecture to what the data has",
        )


def _stopped(journal: JobRecorder, trainer: Trainer) -> JobResult:
    try:
        return journal.stop(trainer)
    except Exception as error:
        return _failed(journal, error, trainer)


def _failed(journal: JobRecorder, error: Exception, trainer: Trainer | None) -> JobResult:
    cause = classify(error)
    cause = cornered(cause, trainer.steps.micro) if trainer else cause
    _log.debug("job failed: %s", cause.traceback)
    try:
        return journal.end(cause)
    except (StoreError, OSError) as unwritten:
        _log.warning("the end of this job could not be written: %s", unwritten)
        return journal.unwritten(cause)


def _never_began(job: TrainJob, process: Process, error: Exception) -> JobResult:
    return JobResult(
        job=job.id,
        status="failed",
        attempt=0,
        epochs=0,
        cause=classify(error),
        world_size=process.world_size,
        device=process.name,
    )
