"""Which checkpoints a job keeps."""

from collections.abc import Collection, Sequence

from compound.jobs.store.format.manifest import CheckpointFiles
from compound.schemas.recipe import Keep


def kept(checkpoints: Sequence[CheckpointFiles], keep: Keep) -> tuple[CheckpointFiles, ...]:
    """Return the checkpoints that a policy keeps, in their order, which is oldest first."""
    wanted = {one.folder for one in checkpoints[-keep.last :]}
    wanted |= {one.folder for one in ranked(checkpoints)[: keep.best]}
    if keep.every:
        whole = (one for one in checkpoints if not one.epoch_step)
        wanted |= {one.folder for one in whole if one.epoch % keep.every == 0}
    return tuple(one for one in checkpoints if one.folder in wanted)


def pruned(
    checkpoints: Sequence[CheckpointFiles], keep: Keep | None, needed: Collection[str] = ()
) -> tuple[CheckpointFiles, ...]:
    """Return those that a policy keeps, none without one, and those whose folders are needed."""
    wanted = {one.folder for one in kept(checkpoints, keep)} if keep else set()
    wanted |= {*needed}
    return tuple(one for one in checkpoints if one.folder in wanted)


def ranked(checkpoints: Sequence[CheckpointFiles]) -> list[CheckpointFiles]:
    """Return the checkpoints that have an accuracy, best first; of equals the later."""
    scored = [one for one in checkpoints if one.score is not None]
    return sorted(scored, key=lambda one: (one.score, one.epoch), reverse=True)
