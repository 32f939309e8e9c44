"""What a trainer starts from: given weights, or what a checkpoint holds of it."""

import json

from torch import Tensor

from jobs.models.weight_file import AVERAGE, MODEL, below
from jobs.models.weights import load_weights
from jobs.store.artifacts import ArtifactStore
from jobs.training.collective import averaged, from_leader, text_from, together
from jobs.training.process import Process
from jobs.training.trainer import Trainer
from schemas.architecture import Architecture
from schemas.job import TrainJob


def begin(trainer: Trainer, job: TrainJob) -> None:
    """Give a fresh trainer the weights that its job names, if any.

    Raises ArchitectureError: the file is not the one that was planned.
    """
    if job.weights is None:
        return
    assert isinstance(job.architecture, Architecture), "the plan refuses weights for a factory"
    spec = job.weights.spec
    load_weights(
        trainer.module,
        job.architecture,
        spec.path,
        classifier=spec.classifier == "keep",
        norm_epsilon=spec.norm_epsilon,
        sha256=job.weights.sha256,
    )
    if trainer.average is not None:
        trainer.average.values.copy_(trainer.flat.values)


def restore(trainer: Trainer, model: dict[str, Tensor], slots: dict[str, Tensor]) -> None:
    """Put a checkpoint's tensors and the optimiser's slots back into a trainer."""
    trainer.module.load_state_dict(below(MODEL, model))
    for name, slot in trainer.optimiser.slots.items():
        slot.copy_(slots[name])
    if trainer.average is not None:
        saved = below(AVERAGE, model)
        for name, tensor in trainer.flat.named(trainer.average.values).items():
            tensor.copy_(saved[name])


def spread(trainer: Trainer, process: Process) -> None:
    """Give every rank the first one's state, so that only that one needs the checkpoint."""
    from_leader(trainer.flat.values, process)
    for slot in trainer.optimiser.slots.values():
        from_leader(slot, process)
    if trainer.average is not None:
        from_leader(trainer.average.values, process)


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
    trainer: Trainer, job: TrainJob, store: ArtifactStore, process: Process
) -> tuple[int, int]:
    """Take a fresh trainer to where a job's last checkpoint was; return its epoch and step in it.

    Zeros where there is none.
    """
    found = together(process, lambda: store.checkpoint(job.id) if process.leads else None)
    mine = (found.epoch, found.epoch_step) if found else (0, 0)
    epoch, within = json.loads(text_from(0, json.dumps(mine), process))
    if (epoch, within) == (0, 0):
        together(process, lambda: begin(trainer, job))
        return 0, 0
    if found:
        restore(trainer, found.model(), found.optimizer())
    spread(trainer, process)
    return epoch, within
