"""The manifest of an attempt: the files that it has committed. Readers trust nothing else."""

import hashlib
from itertools import chain
from typing import Annotated, NamedTuple

from pydantic import Field

from compound.jobs.store.format.checksummed_json import misplaced, unseal
from compound.schemas.base import Model
from compound.schemas.job import EpochRow, JobResult


class StoredFile(Model):
    """A file that was durable before the manifest that names it."""

    key: str
    size: int
    sha256: str
    piece: int = 0
    """The sha256 is that of the sha256s of pieces of so many bytes; 0: of the bytes themselves."""


class RowsPart(StoredFile):
    """A Parquet part with the rows of consecutive epochs."""

    rows: int
    first_epoch: int
    last_epoch: int


class CheckpointFiles(Model):
    """A checkpoint: its files by name, and when it was taken."""

    attempt: int
    epoch: int
    """Whole epochs before it."""
    step: int
    """Optimiser steps since the start of training."""
    epoch_step: int = 0
    """The steps of them in the epoch after `epoch`."""
    score: float | None = None
    """Validation accuracy after `epoch`; None inside an epoch, or where none was measured."""
    folder: str
    files: dict[str, StoredFile]

    @property
    def weights(self) -> str:
        """A hash that tells these weights from others: 16 hex digits."""
        files = sorted((name, file.sha256) for name, file in self.files.items())
        return hashlib.sha256(repr(files).encode()).hexdigest()[:16]


class GitState(Model):
    """The checkout that a process was started in."""

    commit: str
    dirty: bool | None = None
    """Whether tracked files differed from the commit; None if git did not say."""


class Environment(Model):
    """What an attempt ran with."""

    python: str
    torch: str
    compound: str
    system: str
    git: GitState | None = None
    device: str
    """What the first worker trained on."""
    float32: str = ""
    """How it multiplied float32: `ieee`, in full, or `tf32`; empty: not recorded."""
    threads: int
    job_sha256: str
    """Of the job as JSON, with what its id leaves out: paths, and what is stored how often."""


class Writer(Model):
    """The process that writes an attempt."""

    attempt: int = 0
    """0: not recorded."""

    host: str
    pid: int
    process: str = ""
    """The process's mark, see process_mark: containers may share the name of their host."""
    started: float
    """Seconds since the Unix epoch, on the writer's clock."""
    world_size: int
    environment: Environment | None = None


class Attempt(NamedTuple):
    """One try at a job by one writer; the largest counts.

    Two writers that begin at once may take the same number where neither sees the other yet. The
    nonce still keeps their files apart, and decides which of them counts.
    """

    number: int
    nonce: str = ""
    """Eight hex digits; none in stores of schema 1, where numbers alone were unique."""

    @property
    def name(self) -> str:
        """The name of its folder in the job's."""
        return f"attempt-{self.number:04d}" + f"-{self.nonce}" * bool(self.nonce)

    @staticmethod
    def named(name: str) -> "Attempt":
        """Return the attempt whose folder has this name."""
        _, number, *nonce = name.split("-")
        return Attempt(int(number), *nonce)


class Manifest(Model):
    """The state of a job as of one commit; the newest of the newest attempt counts."""

    job: str
    attempt: int
    nonce: Annotated[str, Field(pattern=r"^([0-9a-f]{8})?$")] = ""
    """Tells attempts of the same number apart."""
    sequence: int
    """Counts the commits of the attempt from 1."""
    writer: Writer
    earlier: tuple[Writer, ...] = ()
    """The writers of the attempts before, as far as they began; oldest first."""
    resumed_attempt: int | None = None
    resumed_epoch: int = 0
    """Rows up to this epoch were taken over from the earlier attempt; its later ones are void."""
    continues: str | None = None
    """The job of a shorter schedule that they were taken over from instead."""
    parts: tuple[RowsPart, ...] = ()
    live_from: int = 0
    """Where in the live stream the rows begin that are in no part yet, in bytes."""
    live_crc32: int | None = None
    """Of the live stream up to there; not recorded in stores of schema 1."""
    last: EpochRow | None = None
    checkpoints: tuple[CheckpointFiles, ...] = ()
    """Oldest first."""
    result: JobResult | None = None
    predictions: StoredFile | None = None
    """Of a done job: the predicted class of every validation image, by the last weights. None:
    the job is not done, or was trained before they were kept."""

    @property
    def written_by(self) -> Attempt:
        """The attempt that this is a commit of."""
        return Attempt(self.attempt, self.nonce)

    @property
    def rows(self) -> int:
        """The lines of the table of metrics in its parts."""
        return sum(part.rows for part in self.parts)

    @property
    def checkpoint_keys(self) -> frozenset[str]:
        """The keys of all files of its checkpoints."""
        saved = (checkpoint.files.values() for checkpoint in self.checkpoints)
        return frozenset(file.key for file in chain.from_iterable(saved))

    @property
    def files(self) -> list[StoredFile]:
        """All files that it names."""
        checkpoints = (checkpoint.files.values() for checkpoint in self.checkpoints)
        files = (*self.parts, self.predictions, *chain.from_iterable(checkpoints))
        return [file for file in files if file]

    def key(self, copy: int = 0) -> str:
        """Return where it is put; the second copy of a job's last commit has the next number."""
        return manifest_key(f"jobs/{self.job}/{self.written_by.name}", self.sequence + copy)


def manifest_key(attempt_key: str, number: int) -> str:
    """Return the key of a commit in an attempt's folder."""
    return f"{attempt_key}/manifest-{number:06d}.json"


def read_manifest(data: bytes, where: str, key: str) -> Manifest:
    """Read the manifest of a key. DamagedError; MisplacedError: it is another commit's.

    What it commits is compared as well: manifests of schemas 1 to 3 do not say their key.
    """
    manifest = unseal(data, Manifest, where, key)
    if key not in (manifest.key(), manifest.key(int(manifest.result is not None))):
        raise misplaced(manifest.key(), where)
    return manifest
