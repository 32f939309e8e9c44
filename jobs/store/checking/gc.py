"""Retention of ended jobs: what `compound gc` takes away, and how, so that no crash shows.

The job gets one more attempt, which trains nothing. It commits the manifest that ended the job
again, without the checkpoints that go, twice as every end is; only then are the files deleted that
this manifest does not name. Until the commit the old state counts, from it on the new one, and what
a crash leaves of the deletion is orphans. Being an attempt, it and one that begins at the same
moment go by the same rule as any two (see commits.Commits): the earlier one deletes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.retention import pruned
from compound.jobs.store.format import checkpoint
from compound.jobs.store.format.checksummed_json import DamagedError
from compound.jobs.store.format.manifest import Attempt, CheckpointFiles, Manifest
from compound.jobs.store.writing.attempt_claim import claim, claim_key, this_process
from compound.jobs.store.writing.commits import Commits
from compound.schemas.base import Model
from compound.schemas.errors import StoreError
from compound.schemas.recipe import Keep


@dataclass(frozen=True)
class Wanted:
    """What of a job's checkpoints is to stay."""

    keep: Keep | None
    """None: none but the needed ones."""
    needed: Collection[str] = ()
    """Folders of checkpoints that something else will read."""


class Pruning(Model):
    """What goes of one job's checkpoints, or why nothing does."""

    job: str
    dropped: tuple[str, ...] = ()
    """Folders, oldest first."""
    kept: tuple[str, ...] = ()
    bytes: int = 0
    reason: str = ""
    """Why the job is left as it is; empty if it is not, or has nothing to drop."""
    outcome: Literal["planned", "done"] = "planned"


def plan(folder: JobFolder, wanted: Wanted) -> Pruning:
    """Return what would go. Nothing does of a job that has not ended for good."""
    manifest = folder.newest()
    if reason := _in_use(folder, manifest, None):
        return Pruning(job=folder.id, reason=reason)
    assert manifest is not None
    stay = pruned(manifest.checkpoints, wanted.keep, wanted.needed)
    return _told(folder, manifest, stay)


def prune(folder: JobFolder, wanted: Wanted) -> Pruning:
    """Commit the end of a job without the checkpoints that go, then delete these."""
    planned = plan(folder, wanted)
    if not planned.dropped:
        return planned
    mine, _ = claim(folder, this_process(world_size=1))
    manifest = folder.newest(below=mine)
    reason = _in_use(folder, manifest, mine) or _unsound(folder, manifest, wanted)
    if reason:
        folder.files.delete([claim_key(folder, mine)])
        return Pruning(job=folder.id, reason=reason)
    assert manifest is not None
    stay = pruned(manifest.checkpoints, wanted.keep, wanted.needed)
    own = {"attempt": mine.number, "nonce": mine.nonce, "sequence": 0}
    commits = Commits(folder, manifest.model_copy(update=own))
    commits.end({}, checkpoints=stay)
    return _told(folder, manifest, stay).model_copy(update={"outcome": "done"})


def _in_use(folder: JobFolder, manifest: Manifest | None, mine: Attempt | None) -> str:
    """Return why a job's checkpoints all stay; empty if it has ended for good, and nobody writes.

    What has failed or was stopped may go on, and wants its newest checkpoints for that.
    """
    if manifest is None or manifest.result is None:
        return "it has not ended"
    if manifest.result.status != "done":
        return f"it is {manifest.result.status}, and may go on"
    for attempt in folder.attempts():
        begun = folder.files.names(folder.attempt_key(attempt))  # not where a claim never came
        if begun and attempt > manifest.written_by and attempt != mine:
            return f"{attempt.name} may have just begun; compound fsck tells more"
        if folder.files.is_streaming(folder.live_key(attempt)):
            return f"{attempt.name} is being written"
    return ""


def _unsound(folder: JobFolder, manifest: Manifest | None, wanted: Wanted) -> str:
    """Return why others must stay: one that is kept for them cannot be read."""
    stored = manifest.checkpoints if manifest else ()
    for one in pruned(stored, wanted.keep, wanted.needed):
        try:
            checkpoint.load(folder.files, one)
        except DamagedError as error:
            return f"{one.folder} is damaged: {error.what}"
        except StoreError as error:
            if error.__cause__ is not None:
                raise
            return f"{one.folder} cannot be read: {error.what}"
    return ""


def _told(folder: JobFolder, manifest: Manifest, stay: tuple[CheckpointFiles, ...]) -> Pruning:
    gone = [one for one in manifest.checkpoints if one not in stay]
    return Pruning(
        job=folder.id,
        dropped=tuple(one.folder for one in gone),
        kept=tuple(one.folder for one in stay),
        bytes=sum(file.size for one in gone for file in one.files.values()),
    )
