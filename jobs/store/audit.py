"""Every checksum of a store, recomputed: what `compound verify` shows."""

from collections.abc import Iterable

from jobs.store.files import Files
from jobs.store.folder import JobFolder
from jobs.store.manifest import Manifest, StoredFile
from jobs.store.sealed import DamagedError, intact
from jobs.store.study import StudyFolder
from jobs.store.verified import read_verified
from schemas.base import Model


class Damage(Model):
    """A file that does not hold what was written, or that is gone."""

    owner: str
    """The job or the study that it belongs to; empty for the store's own."""
    file: str
    problem: str


class Audit(Model):
    """What was read, and what of it cannot be trusted."""

    files: int = 0
    bytes: int = 0
    damaged: tuple[Damage, ...] = ()

    def __add__(self, other: "Audit") -> "Audit":
        return Audit(
            files=self.files + other.files,
            bytes=self.bytes + other.bytes,
            damaged=self.damaged + other.damaged,
        )


def audit_job(folder: JobFolder) -> Audit:
    """Check a job's records, and all files that its newest commit names.

    A running job may delete what an older commit named: then the newer one is checked instead.
    """
    while True:
        newest = folder.newest()
        found = _job(folder, newest)
        if not found.damaged or folder.newest() == newest:
            return found


def _job(folder: JobFolder, newest: Manifest | None) -> Audit:
    records = audit_sealed(folder.files, folder.id, _records(folder))
    return records + _listed(folder, newest) if newest else records


def _records(folder: JobFolder) -> list[str]:
    attempts = (folder.attempt_key(one) for one in folder.attempts())
    tops = [folder.key, *attempts]
    return [
        f"{top}/{name}"
        for top in tops
        for name in folder.files.names(top)
        if name == "job.json" or name.startswith("manifest-")
    ]


def _listed(folder: JobFolder, manifest: Manifest) -> Audit:
    stored: list[StoredFile] = [*manifest.parts]
    stored += [file for one in manifest.checkpoints for file in one.files.values()]
    damaged = tuple(filter(None, (_damage(folder, file) for file in stored)))
    size = sum(file.size for file in stored)
    return Audit(files=len(stored), bytes=size, damaged=damaged)


def _damage(folder: JobFolder, file: StoredFile) -> Damage | None:
    try:
        read_verified(folder.files, file)
    except DamagedError as error:
        return Damage(owner=folder.id, file=error.where, problem=error.what)
    return None


def audit_study(files: Files, study: StudyFolder) -> Audit:
    """Check a study's documents and the lines of its events."""
    top = f"studies/{study.name}"
    names = [n for n in files.names(top) if n.endswith(".json") and n != "lease.json"]
    found = audit_sealed(files, study.name, [f"{top}/{name}" for name in names])
    torn = study.damaged_events()
    if not torn:
        return found
    where = files.locate(f"{top}/events.jsonl")
    problem = f"{torn} lines are damaged, and are left out"
    return found + Audit(damaged=(Damage(owner=study.name, file=where, problem=problem),))


def audit_sealed(files: Files, owner: str, keys: Iterable[str]) -> Audit:
    """Check records that carry their own checksum; ones deleted meanwhile are no damage."""
    found = {key: files.read(key) for key in keys}
    read = {key: data for key, data in found.items() if data is not None}
    problem = "the file is damaged: its checksum does not match"
    return Audit(
        files=len(read),
        bytes=sum(map(len, read.values())),
        damaged=tuple(
            Damage(owner=owner, file=files.locate(key), problem=problem)
            for key, data in read.items()
            if not intact(data)
        ),
    )
