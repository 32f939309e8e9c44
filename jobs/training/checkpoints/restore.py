"""What a trainer starts from: given weights, or what a checkpoint holds of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from compound.jobs.models.weight_file import AVERAGE, MODEL, below
from compound.jobs.parallel.collective import averaged, from_leader, text_from, together
from compound.jobs.parallel.process import Process
from compound.jobs.store.format.checkpoint import SLOT, Checkpoint
from compound.jobs.store.format.manifest import CheckpointFiles
from compound.jobs.training.checkpoints.snapshot import counters_of
from compound.jobs.training.loop.trainer import Trainer, network_of
from compound.schemas.architecture import Architecture
from compound.schemas.job import TrainJob

if TYPE_CHECKING:
    from compound.jobs.store.artifacts import ArtifactStore


def begin(trainer: Trainer, job: TrainJob, process: Process) -> None:
    """Give a fresh trainer the weights that its job names, if any.

    Raises ArchitectureError: the file is not the one that was planned.
    """
    if job.weights is None:
        return
    assert isinstance(job.architecture, Architecture), "the plan refuses weights for a factory"
    from compound.jobs.models.weights import load_weights

    spec = job.weights.spec
    module = network_of(job, trainer.steps, ()) if process.sharded else trainer.module
    load_weights(
        module,
        job.architecture,
        spec.path,
        classifier=spec.classifier == "keep",
        norm_epsilon=spec.norm_epsilon,
        sha256=job.weights.sha256,
    )
    if process.sharded:
        _fill(trainer, trainer.flat.values, module.state_dict())
        trainer.flat.publish()
    if trainer.average is not None:
        trainer.average.values.copy_(trainer.flat.values)


def take_up(
    trainer: Trainer, store: "ArtifactStore", found: Checkpoint | None, process: Process
) -> CheckpointFiles | None:
    """Put all ranks to where the checkpoint was that the first one has found, if it has one.

    Only that one reads a whole network. One that is divided is read by every rank: its own part
    where as many have written it, else everything, of which it keeps its part.
    """
    text = text_from(0, found.stored.model_dump_json() if found else "", process)
    if not text:
        return None
    stored = CheckpointFiles.model_validate_json(text)

    def read() -> None:
        mine = store.opened(stored) if process.sharded and not found else found
        if mine and process.sharded and mine.shards == process.world_size:
            _restore_shard(trainer, mine.shard(process.rank))
        elif mine:
            _restore(trainer, mine)
        trainer.flat.publish()

    together(process, read)
    _spread(trainer, process)
    return stored


def _restore_shard(trainer: Trainer, tensors: Mapping[str, Tensor]) -> None:
    """Take what this rank, or the one that was in its place, has written."""
    flat = trainer.flat
    for prefix, buffer in _buffers(trainer).items():
        saved, mine = below(prefix, tensors), flat.named(buffer)
        for name in flat.written:
            if name in mine:
                mine[name].copy_(saved[name])
    _restore_counters(trainer, tensors)


def _restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Take this rank's part of a whole network, one tensor after another."""
    model = checkpoint.model()
    _fill(trainer, trainer.flat.values, below(MODEL, model))
    if trainer.average is not None:
        _fill(trainer, trainer.average.values, below(AVERAGE, model))
    _restore_counters(trainer, model)
    del model
    slots = checkpoint.optimizer()
    for slot, buffer in trainer.optimiser.slots.items():
        one = slots.get(slot)
        named = below(f"{slot}.", slots) if one is None else trainer.flat.named_whole(one)
        _fill(trainer, buffer, named)


def _fill(trainer: Trainer, buffer: Tensor, saved: Mapping[str, Tensor]) -> None:
    """Fill a buffer from whole tensors by name."""
    for name, tensor in trainer.flat.named(buffer).items():
        tensor.copy_(trainer.flat.part(name, saved[name]))


def _restore_counters(trainer: Trainer, saved: Mapping[str, Tensor]) -> None:
    if trainer.flat.leads:
        for name, counter in counters_of(trainer).items():
            counter.copy_(saved[MODEL + name])


def _buffers(trainer: Trainer) -> dict[str, Tensor]:
    """Return what a checkpoint holds of a trainer, by what its tensors' names begin with."""
    average = {} if trainer.average is None else {AVERAGE: trainer.average.values}
    slots = {f"{SLOT}{slot}.": buffer for slot, buffer in trainer.optimiser.slots.items()}
    return {MODEL: trainer.flat.values, **average, **slots}


def _spread(trainer: Trainer, process: Process) -> None:
    """Give every rank what the first one has of the numbers that all share."""
    for buffer in _buffers(trainer).values():
        from_leader(buffer[trainer.flat.common], process)


def common_statistics(trainer: Trainer, process: Process) -> dict[str, Tensor]:
    """Return batch norm's statistics averaged over the ranks, of the network and of its average.

    They are copies: within an epoch every rank goes on with its own. Averaging is linear, as the
    statistics' updates are, so going on from the common ones ends where the own ones end.
    """
    mine = {"values": trainer.flat.statistics}
    if trainer.average is not None:
        mine["average"] = trainer.average.values[len(trainer.flat.gradients) :]
    return {name: averaged(tensor.clone(), process) for name, tensor in mine.items()}


def rewind(
    trainer: Trainer, job: TrainJob, store: "ArtifactStore", process: Process
) -> tuple[int, int]:
    """Take a fresh trainer to where a job's last checkpoint was; return its epoch and step in it.

    Zeros where there is none.
    """
    found = together(process, lambda: store.checkpoint(job.id) if process.leads else None)
    stored = take_up(trainer, store, found, process)
    if stored is None:
        together(process, lambda: begin(trainer, job, process))
        return 0, 0
    return stored.epoch, stored.epoch_step
