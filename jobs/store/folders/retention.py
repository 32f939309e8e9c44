"""Which checkpoints a job keeps."""

from collections.abc import Collection, Sequence

from compound.jobs.store.format.manifest import CheckpointFiles
from compound.schemas.recipe import Keep


def retained(checkpoints: Sequence[CheckpointFiles], keep: Keep) -> tuple[CheckpointFiles, ...]:
    """Return the checkpoints that a policy keeps, in their order, which is oldest first."""
    folders = {checkpoint.folder for checkpoint in checkpoints[-keep.last :]}
    folders |= {checkpoint.folder for checkpoint in ranked(checkpoints)[: keep.best]}
    if keep.every:
        whole = (checkpoint for checkpoint in checkpoints if not checkpoint.epoch_step)
        folders |= {checkpoint.folder for checkpoint in whole if checkpoint.epoch % keep.every == 0}
    return tuple(checkpoint for checkpoint in checkpoints if checkpoint.folder in folders)


def pruned(
    checkpoints: Sequence[CheckpointFiles], keep: Keep | None, needed: Collection[str] = ()
) -> tuple[CheckpointFiles, ...]:
    """Return the checkpoints that a policy keeps, none without one, and the needed folders'."""
    folders = {checkpoint.folder for checkpoint in retained(checkpoints, keep)} if keep else set()
    folders |= {*needed}
    return tuple(checkpoint for checkpoint in checkpoints if checkpoint.folder in folders)


def ranked(checkpoints: Sequence[CheckpointFiles]) -> list[CheckpointFiles]:
    """Return the checkpoints that have an accuracy, best first; of equals the later."""
    scored = [checkpoint for checkpoint in checkpoints if checkpoint.score is not None]
    return sorted(scored, key=lambda checkpoint: (checkpoint.score, checkpoint.epoch), reverse=True)
