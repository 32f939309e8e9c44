"""Evaluates what a job has trained on the test part.

It writes a file of predictions beside the job, and changes nothing that the store has.
"""

import time

from compound.jobs.data.sources.dataset import HeldOut
from compound.jobs.parallel.collective import together
from compound.jobs.parallel.failure import classify
from compound.jobs.parallel.process import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checkpoint import Checkpoint
from compound.jobs.training.checkpoints.restore import load_checkpoint
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.ended_program import RAISED, network_error
from compound.jobs.training.job_isolation import Epochs, isolated
from compound.jobs.training.job_trainer import trainer_of
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.errors import DataError, StoreError
from compound.schemas.job import JobRequest, JobResult, TrainJob
from compound.schemas.metrics import TEST_ACCURACY, TEST_IMAGES, TEST_LOSS


def evaluate(
    request: JobRequest, store: ArtifactStore, process: Process, data: DataCache
) -> Epochs:
    """Evaluate a job's last weights on the test part; yield no row, and return the numbers.

    The result's `seconds` are all that it took, with opening the data.

    The network is evaluated as its validation images are after an epoch: by the same code, at the
    job's resolution and precision, its average where the recipe has one, with mean and deviation
    of the training images. All ranks of the job call it at the same time, and each evaluates its
    share. An error becomes a result with status `failed`.
    """
    evaluated = _evaluated(request, store, process, data)
    return (yield from isolated(request.job, process, request.splits, evaluated))


def _evaluated(
    request: JobRequest, store: ArtifactStore, process: Process, data: DataCache
) -> Epochs:
    yield from ()
    begun = time.monotonic()
    ended = JobResult(
        job=request.job.id,
        status="done",
        attempt=0,
        epochs=request.job.recipe.epochs,
        world_size=process.world_size,
        device=process.name,
        splits=request.splits,
    )
    try:
        together(process, lambda: _check_content(request, process, data))
        loss, correct, images = _test_sums(request, store, process, data)
    except RAISED as error:
        cause = classify(network_error(error, process))
        update = {"status": "failed", "cause": cause}
        return ended.model_copy(update={**update, "seconds": time.monotonic() - begun})
    metrics = {TEST_ACCURACY: correct / images, TEST_LOSS: loss / images, TEST_IMAGES: images}
    return ended.model_copy(update={"metrics": metrics, "seconds": time.monotonic() - begun})


def _test_sums(
    request: JobRequest, store: ArtifactStore, process: Process, data: DataCache
) -> tuple[float, float, float]:
    """Evaluate the test part, and keep the predictions. Raises as of `held_out_sums`."""
    trainer, checkpoint = _restored(request, store, process, data, "test")
    sums = trainer.evaluate()
    predictions = trainer.predictions()

    def keep() -> None:
        if checkpoint and request.evaluates:
            part, weights = request.evaluates, checkpoint.stored.weights
            store.test_predictions(request.job.id).keep(part, weights, predictions)

    together(process, keep)
    return sums


def held_out_sums(
    request: JobRequest,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    part: HeldOut,
) -> tuple[float, float, float]:
    """Return the sums of loss and of correct answers of a job's last weights, and the images.

    Raises StoreError: its last checkpoint is not stored; DataError: the data have changed.
    """
    return _restored(request, store, process, data, part)[0].evaluate()


def _restored(
    request: JobRequest,
    store: ArtifactStore,
    process: Process,
    data: DataCache,
    part: HeldOut,
) -> tuple[Trainer, Checkpoint | None]:
    """Return a trainer with a job's last weights, and, on the first rank, their checkpoint."""
    job = request.job
    trainer = together(process, lambda: trainer_of(job, process, data, request.splits, part))
    checkpoint = together(process, lambda: _last_checkpoint(job, store, process))
    load_checkpoint(trainer, store, checkpoint, process, slots=False)
    trainer.connect()
    return trainer, checkpoint


def _last_checkpoint(job: TrainJob, store: ArtifactStore, process: Process) -> Checkpoint | None:
    """Return, on the first rank, the checkpoint after the last epoch."""
    if not process.leads:
        return None
    checkpoint = store.checkpoint(job.id)
    if checkpoint is None or (checkpoint.epoch, checkpoint.epoch_step) != (job.recipe.epochs, 0):
        raise StoreError(
            f"the weights of job {job.id} after epoch {job.recipe.epochs} are not stored",
            where=store.uri,
            next_step=f"compound verify --store {store.uri}",
        )
    return checkpoint


def _check_content(request: JobRequest, process: Process, data: DataCache) -> None:
    """Refuse a test part that is not the driver's. Only the first rank of a group reads it."""
    if not process.leads:
        return
    content = data.test_content(request.job.data)
    if content != request.evaluates:
        raise DataError(
            f"the test part is not the same here as where the study runs: its hash is {content}, "
            f"not {request.evaluates}",
            where=str(getattr(request.job.data.spec, "path", request.job.data.spec.source)),
            next_step="give every host the same files",
        )
