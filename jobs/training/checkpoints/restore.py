"""Where training starts: from weights of a file, or from a checkpoint."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from compound.jobs.models.weight_file import AVERAGE, MODEL, below
from compound.jobs.parallel.collective import averaged, from_leader, text_from, together
from compound.jobs.parallel.process import Process
from compound.jobs.store.format.checkpoint import SLOT, Checkpoint
from compound.jobs.store.format.manifest import CheckpointFiles
from compound.jobs.training.checkpoints.snapshot import tensors_apart
from compound.schemas.architecture import Architecture
from compound.schemas.job import TrainJob

if TYPE_CHECKING:
    from compound.jobs.store.artifacts import ArtifactStore
    from compound.jobs.training.loop.trainer import Trainer


def load_initial_weights(trainer: "Trainer", job: TrainJob, process: Process) -> None:
    """Load the weights that the job names, if any, into a fresh trainer.

    Raises ArchitectureError: the file is not the one that was planned.
    """
    if job.weights is None:
        return
    assert isinstance(job.architecture, Architecture), "the plan refuses weights for a factory"
    from compound.jobs.models.weights import load_weights
    from compound.jobs.training.loop.trainer import network_of

    spec = job.weights.spec
    divides = process.traits.divides
    module = network_of(job, trainer.steps, ()) if divides else trainer.module
    load_weights(
        module,
        job.architecture,
        spec.path,
        classifier=spec.classifier == "keep",
        norm_epsilon=spec.norm_epsilon,
        sha256=job.weights.sha256,
    )
    if divides:
        _fill(trainer, trainer.flat.values, module.state_dict())
        trainer.flat.update_module()
    if trainer.average is not None:
        trainer.average.values.copy_(trainer.flat.values)


def load_checkpoint(
    trainer: "Trainer",
    store: "ArtifactStore",
    checkpoint: Checkpoint | None,
    process: Process,
    *,
    slots: bool = True,
) -> CheckpointFiles | None:
    """Put all ranks to the position of the first rank's checkpoint; None if it has none.

    Without `slots` the optimiser's state is left as it is: an evaluation needs none.

    A whole network is read by the first rank only. A divided one is read by every rank: its own
    file if as many ranks have written the checkpoint, else all files, of which it keeps its part.
    """
    text = text_from(0, checkpoint.stored.model_dump_json() if checkpoint else "", process)
    if not text:
        return None
    stored = CheckpointFiles.model_validate_json(text)

    def read() -> None:
        divides = process.traits.divides
        source = store.opened(stored) if divides and not checkpoint else checkpoint
        if source and divides and source.shards == process.world_size:
            _restore_part(trainer, source.shard(process.rank))
        elif source:
            _restore(trainer, source, slots)
        trainer.flat.update_module()

    together(process, read)
    _spread(trainer, process)
    return stored


def _restore_part(trainer: "Trainer", tensors: Mapping[str, Tensor]) -> None:
    """Restore what a rank of the same number has written."""
    flat = trainer.flat
    for prefix, buffer in _buffers(trainer).items():
        saved, views = below(prefix, tensors), flat.named(buffer)
        for name in flat.written:
            if name in views:
                views[name].copy_(saved[name])
    _restore_apart(trainer, tensors)


def _restore(trainer: "Trainer", checkpoint: Checkpoint, with_slots: bool) -> None:
    """Restore this rank's part of a whole network."""
    model = checkpoint.model()
    _fill(trainer, trainer.flat.values, below(MODEL, model))
    if trainer.average is not None:
        _fill(trainer, trainer.average.values, below(AVERAGE, model))
    _restore_apart(trainer, model)
    if not with_slots:
        return
    del model  # its memory, before that of the optimiser's state is taken
    slots = checkpoint.optimizer()
    for slot, buffer in trainer.optimiser.slots.items():
        whole = slots.get(slot)
        named = below(f"{slot}.", slots) if whole is None else trainer.flat.named_whole(whole)
        _fill(trainer, buffer, named)


def _fill(trainer: "Trainer", buffer: Tensor, saved: Mapping[str, Tensor]) -> None:
    """Fill a buffer from whole tensors by name."""
    for name, tensor in trainer.flat.named(buffer).items():
        tensor.copy_(trainer.flat.part(name, saved[name]))


def _restore_apart(trainer: "Trainer", saved: Mapping[str, Tensor]) -> None:
    if trainer.flat.leads:
        for name, tensor in tensors_apart(trainer).items():
            tensor.copy_(saved[MODEL + name])


def _buffers(trainer: "Trainer") -> dict[str, Tensor]:
    """Return the buffers that a checkpoint stores, by the prefix of their tensors' names."""
    average = {} if trainer.average is None else {AVERAGE: trainer.average.values}
    slots = {f"{SLOT}{slot}.": buffer for slot, buffer in trainer.optimiser.slots.items()}
    return {MODEL: trainer.flat.values, **average, **slots}


def _spread(trainer: "Trainer", process: Process) -> None:
    """Send the numbers that all ranks have in common from the first rank to all."""
    for buffer in _buffers(trainer).values():
        from_leader(buffer[trainer.flat.common], process)


def common_statistics(trainer: "Trainer", process: Process) -> dict[str, Tensor]:
    """Return batch norm's statistics averaged over the ranks, of the network and of its average.

    They are copies: within an epoch every rank goes on with its own statistics. Both averaging and
    the updates are linear, so a job that resumes from the averaged ones ends at the same values.
    """
    statistics = {"values": trainer.flat.statistics}
    if trainer.average is not None:
        statistics["average"] = trainer.average.values[len(trainer.flat.gradients) :]
    return {name: averaged(tensor.clone(), process) for name, tensor in statistics.items()}


def rewind(
    trainer: "Trainer", job: TrainJob, store: "ArtifactStore", process: Process
) -> tuple[int, int]:
    """Load a job's last checkpoint into a fresh trainer; return its epochs and steps beyond them.

    Both are zero if there is none.
    """
    latest = together(process, lambda: store.checkpoint(job.id) if process.leads else None)
    stored = load_checkpoint(trainer, store, latest, process)
    if stored is None:
        together(process, lambda: load_initial_weights(trainer, job, process))
        return 0, 0
    return stored.epoch, stored.epoch_step
