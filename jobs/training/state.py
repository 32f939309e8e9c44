"""What a checkpoint holds of a trainer, and how it gets back."""

from torch import Tensor

from jobs.training.collective import from_leader
from jobs.training.process import Process
from jobs.training.trainer import Trainer

_MODEL, _AVERAGE = "model.", "ema."


def tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Return the network by `model.NAME`, and the averaged one by `ema.NAME` where it is kept."""
    model = {_MODEL + name: tensor for name, tensor in trainer.module.state_dict().items()}
    if trainer.average is None:
        return model
    average = trainer.flat.named(trainer.average.values)
    return model | {_AVERAGE + name: tensor for name, tensor in average.items()}


def restore(trainer: Trainer, model: dict[str, Tensor], slots: dict[str, Tensor]) -> None:
    """Put a checkpoint's tensors and the optimiser's slots back into a trainer."""
    trainer.module.load_state_dict(_below(_MODEL, model))
    for name, slot in trainer.optimiser.slots.items():
        slot.copy_(slots[name])
    if trainer.average is not None:
        saved = _below(_AVERAGE, model)
        for name, tensor in trainer.flat.named(trainer.average.values).items():
            tensor.copy_(saved[name])


def spread(trainer: Trainer, process: Process) -> None:
    """Give every rank the first one's state, so that only that one needs the checkpoint."""
    from_leader(trainer.flat.values, process)
    for slot in trainer.optimiser.slots.values():
        from_leader(slot, process)
    if trainer.average is not None:
        from_leader(trainer.average.values, process)


def _below(prefix: str, named: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in named.items() if name.startswith(prefix)}
