"""Which checkpoints a job keeps."""

from collections.abc import Sequence

from jobs.store.manifest import CheckpointFiles
from schemas.recipe import Keep


def kept(checkpoints: Sequence[CheckpointFiles], keep: Keep) -> tuple[CheckpointFiles, ...]:
    """Return the checkpoints that a policy keeps, in their order, which is oldest first."""
    wanted = {one.folder for one in checkpoints[-keep.last :]}
    scored = [one for one in checkpoints if one.score is not None]
    ranked = sorted(scored, key=lambda one: (one.score, one.epoch), reverse=True)
    wanted |= {one.folder for one in ranked[: keep.best]}
    if keep.every:
        whole = (one for one in checkpoints if not one.epoch_step)
        wanted |= {one.folder for one in whole if one.epoch % keep.every == 0}
    return tuple(one for one in checkpoints if one.folder in wanted)
