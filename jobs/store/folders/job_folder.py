"""Reads one job's folder: the newest commit of the newest attempt."""

import logging
import re
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

import pyarrow as pa

from compound.jobs.store.backend.files import Files
from compound.jobs.store.folders.job_state import JobState, ended
from compound.jobs.store.folders.retention import ranked
from compound.jobs.store.format import checkpoint
from compound.jobs.store.format.checkpoint import Checkpoint
from compound.jobs.store.format.checksummed_files import read_verified
from compound.jobs.store.format.checksummed_json import (
    DamagedError,
    MisplacedError,
    damaged,
    label_of,
    unseal,
)
from compound.jobs.store.format.file_kinds import ATTEMPT, JOB_ID, MANIFEST
from compound.jobs.store.format.manifest import (
    Attempt,
    Manifest,
    RowsPart,
    Writer,
    manifest_key,
    read_manifest,
)
from compound.jobs.store.format.rows import (
    between,
    chosen,
    from_live,
    from_parquet,
    read_metrics,
    rows_of,
    table_of,
)
from compound.schemas.errors import StoreError
from compound.schemas.job import EpochRow, TrainJob

LOG = logging.getLogger(__name__)

_TRIES = 100

T = TypeVar("T")
Problems = list[str]
"""One sentence for each file that could not be read."""


class JobFolder:
    """Reads one job. It never writes, takes no lock, and may run beside the job's writer."""

    def __init__(self, files: Files, job_id: str) -> None:
        if not JOB_ID.fullmatch(job_id):
            raise StoreError(f"not the id of a job: {job_id[:100]!r}", allowed="16 hex digits")
        self.files, self.id, self.key = files, job_id, f"jobs/{job_id}"

    def attempt_key(self, attempt: Attempt) -> str:
        """Return the key of an attempt's folder."""
        return f"{self.key}/{attempt.name}"

    def live_key(self, attempt: Attempt) -> str:
        """Return the key of an attempt's live stream."""
        return f"{self.attempt_key(attempt)}/live.arrows"

    def manifest_key(self, attempt: Attempt, sequence: int) -> str:
        """Return the key of one commit."""
        return manifest_key(self.attempt_key(attempt), sequence)

    def claim_key(self, attempt: Attempt) -> str:
        """Return the key of an attempt's claim."""
        return f"{self.attempt_key(attempt)}/claim.json"

    def attempts(self) -> list[Attempt]:
        """Return all attempts that were ever begun, in order."""
        matches = (ATTEMPT.fullmatch(name) for name in self.names_in(self.key))
        return sorted(Attempt(int(match[1]), match[2] or "") for match in matches if match)

    def next_attempt(self) -> int:
        """Return the number after that of the newest attempt."""
        return max((attempt.number for attempt in self.attempts()), default=0) + 1

    def names_in(self, folder: str) -> list[str]:
        """Return the names in a folder; none, with a warning, where it is no folder."""
        try:
            return self.files.names(folder)
        except DamagedError as error:
            LOG.warning("%s; it is left out", _first_line(error))
            return []

    def job(self) -> TrainJob | None:
        """Return the job's own record; DamagedError if it is another job's."""
        key = f"{self.key}/job.json"
        data = self.files.read(key)
        if data is None:
            return None
        job = unseal(data, TrainJob, self.files.locate(key), key)
        if job.id != self.id:
            raise damaged(f"it holds job {job.id}, not {self.id}", self.files.locate(key))
        return job

    def is_foreign(self, attempt: Attempt) -> bool:
        """Whether an attempt's folder was copied here: its claim or a commit says another place."""
        top = self.attempt_key(attempt)
        try:
            if (data := self.files.read(self.claim_key(attempt))) is not None:
                unseal(data, Writer, top, self.claim_key(attempt))
                if label_of(data).key:
                    return False
            for number in _numbers(MANIFEST, self.files.names(top)):
                self._manifest(self.manifest_key(attempt, number))
        except MisplacedError:
            return True
        except (StoreError, FileNotFoundError):
            return False  # not known: it counts as this job's
        return False

    def newest(self, *, below: Attempt | None = None) -> Manifest | None:
        """Return the commit that counts: of the newest attempt with one, the newest undamaged."""
        # A manifest can be replaced and deleted between its listing and its reading.
        for _ in range(_TRIES):
            try:
                return next(self._manifests(below), None)
            except FileNotFoundError:
                continue  # a newer commit replaced the listed one: list again
        raise StoreError("it changes faster than it can be read", where=self.key)

    def _manifests(self, below: Attempt | None) -> Iterator[Manifest]:
        attempts = [attempt for attempt in self.attempts() if below is None or attempt < below]
        for attempt in reversed(attempts):
            names = self.names_in(self.attempt_key(attempt))
            for sequence in reversed(_numbers(MANIFEST, names)):
                try:
                    yield self._manifest(self.manifest_key(attempt, sequence))
                except DamagedError as error:
                    LOG.warning("%s; taking the commit before it", _first_line(error))

    def _manifest(self, key: str) -> Manifest:
        data = self.files.read(key)
        if data is None:
            raise FileNotFoundError(key)
        return read_manifest(data, self.files.locate(key), key)

    def table(self, names: Collection[str] | None = None) -> pa.Table:
        """Return all rows, each epoch once: the committed ones and the live tail.

        `names`: the lines of these metrics only.
        """
        rows = self._read_stable(lambda manifest: self._read_rows(manifest, names))
        return table_of([]) if rows is None else rows

    def checkpoint(self, *, best: bool = False) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, or the best of those with an accuracy."""
        return self._read_stable(lambda manifest: self._read_checkpoint(manifest, best=best))

    def table_in(self, manifest: Manifest) -> pa.Table:
        """Return the rows of one commit and its live tail."""
        return _warned(self._read_rows(manifest))

    def checkpoint_in(self, manifest: Manifest) -> Checkpoint | None:
        """Return the newest undamaged checkpoint of one commit."""
        return _warned(self._read_checkpoint(manifest))

    def state(self) -> JobState:
        """Return the job's state."""
        return self.state_in(self.newest())

    def state_in(self, manifest: Manifest | None) -> JobState:
        """Return the job's state as of one commit; None stands for a job without commits."""
        if manifest is None:
            return JobState(job=self.id, status="stopped" if self._has_begun() else "absent")
        return ended(manifest) if manifest.result else self._unfinished(manifest)

    def _has_begun(self) -> bool:
        try:
            return self.files.read(f"{self.key}/job.json") is not None
        except DamagedError as error:
            LOG.warning("%s", _first_line(error))
            return False

    def _unfinished(self, manifest: Manifest) -> JobState:
        running = self.files.is_streaming(self.live_key(manifest.written_by))
        last = self._last_row(manifest)
        return JobState(
            job=self.id,
            status="running" if running else "stopped",
            attempt=manifest.attempt,
            epoch=last.epoch if last else 0,
            metrics=last.metrics if last else {},
            updated=last.wall_time if last else None,
            host=manifest.writer.host,
            pid=manifest.writer.pid,
            attempts=(*manifest.earlier, manifest.writer),
        )

    def _last_row(self, manifest: Manifest) -> EpochRow | None:
        tail = self._live(manifest, manifest.live_from) or []
        return rows_of(table_of(tail[-1:]))[0] if tail else manifest.last

    def _read_stable(self, read: Callable[[Manifest], tuple[T, Problems]]) -> T | None:
        """Read from the newest commit; read again if a newer one came while a file was missing."""
        manifest = self.newest()
        while manifest is not None:
            value, problems = read(manifest)
            newer = self.newest() if problems else manifest
            if newer == manifest:
                return _warned((value, problems))
            manifest = newer
        return None

    def _read_rows(
        self, manifest: Manifest, names: Collection[str] | None = None
    ) -> tuple[pa.Table, Problems]:
        """Read the rows; those of a damaged part come from the live stream, if it still exists."""
        tables, problems = [], []
        for part in manifest.parts:
            try:
                tables.append(self._part(part, names))
            except DamagedError as error:
                problems.append(_first_line(error))
                tables.append(chosen(self._rescued(manifest, part), names))
        tail = [] if manifest.result else self._live(manifest, manifest.live_from)
        if tail is None:
            problems.append(f"{self.live_key(manifest.written_by)} is missing")
        return pa.concat_tables([*tables, chosen(table_of(tail or []), names)]), problems

    def _part(self, part: RowsPart, names: Collection[str] | None) -> pa.Table:
        data, where = bytes(read_verified(self.files, part)), self.files.locate(part.key)
        return from_parquet(data, where) if names is None else read_metrics(data, where, names)

    def _rescued(self, manifest: Manifest, part: RowsPart) -> pa.Table:
        live = table_of(self._live(manifest, 0) or [])
        return between(live, part.first_epoch, part.last_epoch)

    def _live(self, manifest: Manifest, start: int) -> list[pa.RecordBatch] | None:
        try:
            data = self.files.read(self.live_key(manifest.written_by))
        except DamagedError as error:
            LOG.warning("%s", _first_line(error))
            return None
        return None if data is None else from_live(data, start, (self.id, manifest.attempt))

    def _read_checkpoint(
        self, manifest: Manifest, *, best: bool = False
    ) -> tuple[Checkpoint | None, Problems]:
        problems: Problems = []
        ordered = ranked(manifest.checkpoints) if best else manifest.checkpoints[::-1]
        for stored in ordered:
            try:
                verified = checkpoint.load(self.files, stored)
            except DamagedError as error:
                problems.append(f"checkpoint {stored.folder} is not used: {_first_line(error)}")
                continue
            return verified, [f"{line}; taking {stored.folder} instead" for line in problems]
        return None, [f"{line}; no checkpoint before it is left" for line in problems]


def _numbers(pattern: re.Pattern[str], names: list[str]) -> list[int]:
    matches = (pattern.fullmatch(name) for name in names)
    return sorted(int(match[1]) for match in matches if match)


def _first_line(error: StoreError) -> str:
    return str(error).splitlines()[0]


def _warned(result: tuple[T, Problems]) -> T:
    value, problems = result
    for line in problems:
        LOG.warning("%s", line)
    return value
