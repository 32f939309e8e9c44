"""A fresh trainer of a job, with its data."""

from compound.jobs.data.batches import Source
from compound.jobs.data.progressive_resizing import check_sizes
from compound.jobs.data.sources.dataset import HeldOut
from compound.jobs.parallel.process import Process
from compound.jobs.runtime.precision import check_precision
from compound.jobs.training.compiling.compiler import check_compiler
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.errors import DataError, PlanError
from compound.schemas.job import TrainJob, revision_of


def trainer_of(
    job: TrainJob,
    process: Process,
    data: DataCache,
    splits: int,
    part: HeldOut = "validation",
) -> Trainer:
    """Return a fresh trainer of a job, which evaluates on `part`.

    PlanError: this device cannot train by the recipe; DataError: the data do not fit the network.
    """
    check_sizes(job.recipe, job.architecture.resolution, job.architecture.total_stride)
    check_compiler(job.recipe, process.device)
    check_precision(job.recipe, process.device)
    _check_revision(job)
    source = data.source(
        job.data,
        job.architecture.resolution,
        job.recipe,
        process.device,
        process.threads,
        part,
        job.revision,
    )
    _check_fit(job, source)
    return Trainer(job, source, process, splits=splits)


def _check_revision(job: TrainJob) -> None:
    """Refuse a job whose draws only a newer Compound knows. PlanError."""
    newest = revision_of(job.recipe)
    if job.revision > newest:
        raise PlanError(
            f"job {job.id} has revision {job.revision} of its augmentation",
            allowed=f"revisions up to {newest}, which this version of Compound knows",
            next_step="train it with the version of Compound that planned it",
        )


def _check_fit(job: TrainJob, source: Source) -> None:
    """Raise DataError if the network does not fit the images."""
    network = (job.architecture.in_channels, job.architecture.num_classes)
    if source.channels != network[0] or source.highest_label >= network[1]:
        raise DataError(
            f"the network takes {network[0]} channels and has {network[1]} classes; the "
            f"images have {source.channels} channels and labels up to {source.highest_label}",
            next_step="set in_channels and num_classes of the architecture to those of the data",
        )
