"""Retention of ended jobs: which checkpoints `compound gc` deletes, and how, safe against crashes.

The job gets one more attempt, which trains nothing. It commits the manifest that ended the job
again, in two copies as every end has, but without the dropped checkpoints. Only then are files
deleted that this manifest does not name. The old state counts until the commit, the new one after
it; a crash during the deletion leaves orphans. An attempt that begins at the same moment follows
the same rule as any two attempts (see commits.Commits): the earlier one deletes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.retention import pruned
from compound.jobs.store.format import checkpoint
from compound.jobs.store.format.checksummed_json import DamagedError
from compound.jobs.store.format.manifest import Attempt, CheckpointFiles, Manifest
from compound.jobs.store.writing.attempt_claim import claim, this_process
from compound.jobs.store.writing.commits import Commits
from compound.schemas.base import Model
from compound.schemas.errors import StoreError
from compound.schemas.recipe import Keep


@dataclass(frozen=True)
class Retention:
    """Which of a job's checkpoints are kept."""

    keep: Keep | None
    """None: only the needed ones."""
    needed: Collection[str] = ()
    """Folders of checkpoints that other jobs will read."""


class Pruning(Model):
    """Which of one job's checkpoints are deleted, or why none is."""

    job: str
    dropped: tuple[str, ...] = ()
    """Folders, oldest first."""
    kept: tuple[str, ...] = ()
    bytes: int = 0
    reason: str = ""
    """Why the job is left unchanged; empty if it is changed, or has nothing to drop."""
    outcome: Literal["planned", "done"] = "planned"


def plan(folder: JobFolder, retention: Retention) -> Pruning:
    """Return what would be deleted: nothing of a job that may still go on."""
    manifest = folder.newest()
    if reason := _in_use(folder, manifest, None):
        return Pruning(job=folder.id, reason=reason)
    assert manifest is not None
    retained = pruned(manifest.checkpoints, retention.keep, retention.needed)
    return _pruning(folder, manifest, retained)


def prune(folder: JobFolder, retention: Retention) -> Pruning:
    """Commit the end of a job without the dropped checkpoints, then delete these."""
    planned = plan(folder, retention)
    if not planned.dropped:
        return planned
    attempt, _ = claim(folder, this_process(world_size=1))
    manifest = folder.newest(below=attempt)
    reason = _in_use(folder, manifest, attempt) or _unsound(folder, manifest, retention)
    if reason:
        folder.files.delete([folder.claim_key(attempt)])
        return Pruning(job=folder.id, reason=reason)
    assert manifest is not None
    retained = pruned(manifest.checkpoints, retention.keep, retention.needed)
    own = {"attempt": attempt.number, "nonce": attempt.nonce, "sequence": 0}
    commits = Commits(folder, manifest.model_copy(update=own))
    commits.end({}, checkpoints=retained)
    return _pruning(folder, manifest, retained).model_copy(update={"outcome": "done"})


def _in_use(folder: JobFolder, manifest: Manifest | None, own: Attempt | None) -> str:
    """Return why all checkpoints of a job are kept; empty if it is done and has no live writer.

    A job that failed or was stopped may go on, and needs its newest checkpoints for that.
    """
    if manifest is None or manifest.result is None:
        return "it has not ended"
    if manifest.result.status != "done":
        return f"it is {manifest.result.status}, and may go on"
    for attempt in folder.attempts():
        begun = folder.names_in(folder.attempt_key(attempt))
        # empty: a claim that was never written
        if begun and attempt > manifest.written_by and attempt != own:
            return f"{attempt.name} may have just begun; compound fsck tells more"
        if folder.files.is_streaming(folder.live_key(attempt)):
            return f"{attempt.name} is being written"
    return ""


def _unsound(folder: JobFolder, manifest: Manifest | None, retention: Retention) -> str:
    """Return why nothing is deleted: a checkpoint that would be kept cannot be read."""
    checkpoints = manifest.checkpoints if manifest else ()
    for stored in pruned(checkpoints, retention.keep, retention.needed):
        try:
            checkpoint.load(folder.files, stored)
        except DamagedError as error:
            return f"{stored.folder} is damaged: {error.message}"
        except StoreError as error:
            if error.__cause__ is not None:
                raise
            return f"{stored.folder} cannot be read: {error.message}"
    return ""


def _pruning(
    folder: JobFolder, manifest: Manifest, retained: tuple[CheckpointFiles, ...]
) -> Pruning:
    dropped = [stored for stored in manifest.checkpoints if stored not in retained]
    return Pruning(
        job=folder.id,
        dropped=tuple(stored.folder for stored in dropped),
        kept=tuple(stored.folder for stored in retained),
        bytes=sum(file.size for stored in dropped for file in stored.files.values()),
    )
