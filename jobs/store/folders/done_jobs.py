"""The index of a study: what is known of its jobs that are done, in one file.

Their manifests stay the truth. The index only saves opening ten thousand of them: what it lacks is
read there, and it may be deleted at any time. A file of it is named by the hash of its bytes, which
is how readers know that it is whole.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from compound.jobs.store.backend.files import Files
from compound.jobs.store.folders.job_folder import JobState
from compound.jobs.store.format.checksummed_json import DamagedError, damaged, sha256
from compound.jobs.store.format.file_kinds import INDEX
from compound.jobs.store.format.rows import from_parquet, to_parquet
from compound.schemas.base import Model
from compound.schemas.job import JobResult

LOG = logging.getLogger(__name__)

JOBS: pa.Schema = pa.schema(
    [
        pa.field("job", pa.string(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("epochs", pa.int64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("world_size", pa.int32(), nullable=False),
        pa.field("device", pa.string(), nullable=False),
        pa.field("host", pa.string(), nullable=False),
        pa.field("metrics", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("record", pa.string(), nullable=False),
    ]
)
"""One line a job that is done; `record` is all of it as JSON."""

_GROWTH = 1.1
"""A larger index is written when it has grown by so much: n jobs write it about 10 log n times."""
_PAUSE, _IDLE = 10.0, 50.0
"""So many seconds after a write, or times what it took, the next job writes the index: who looks
at a running study opens only the jobs that ended since."""


class Ended(Model):
    """A job that is done: where it stands, and how it ended."""

    state: JobState
    result: JobResult


class Index:
    """Reads and writes the index in a study's folder; one process writes at a time."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files, self._folder = files, folder
        self._known: dict[str, Ended] = {}
        self._written = 0
        self._due = 0.0

    def names(self) -> list[str]:
        """Return the names of the index's files."""
        return [name for name in self._files.names(self._folder) if INDEX.fullmatch(name)]

    def read(self, among: Iterable[str] | None = None) -> dict[str, Ended]:
        """Return the jobs that are known to be done; a damaged file is passed over.

        `among`: what lies in the study's folder, where the caller has just listed it.
        """
        found: dict[str, Ended] = {}
        for table, where in self._sound(self.names() if among is None else among):
            try:
                found |= _decoded(table, where)
            except DamagedError as error:
                _warn(error)
        return found

    def brief(self, among: Iterable[str]) -> dict[str, JobState]:
        """Return where jobs that are done stand, as far as the columns tell: without who wrote
        their attempts, and when. Ten thousand take a tenth of the time of `read`.
        """
        tables = [table for table, _ in self._sound(among)]
        return {state.job: state for table in tables for state in _briefly(table)}

    def _sound(self, among: Iterable[str]) -> Iterator[tuple[pa.Table, str]]:
        """Yield the files that are whole, and where they lie."""
        for name in filter(INDEX.fullmatch, among):
            try:
                found = self._read(name)
            except DamagedError as error:
                _warn(error)
            else:
                if found is not None:
                    yield found

    def damaged(self) -> list[DamagedError]:
        """Return what is wrong with the index's files."""
        return [error for name in self.names() if (error := self._wrong(name))]

    def _wrong(self, name: str) -> DamagedError | None:
        try:
            found = self._read(name)
            if found is not None:
                _decoded(*found)
        except DamagedError as error:
            return error
        return None

    def _read(self, name: str) -> tuple[pa.Table, str] | None:
        key = f"{self._folder}/{name}"
        data, where = self._files.read(key), self._files.locate(key)
        if data is None:
            return None  # a newer one has just taken its place
        if _name(data) != name:
            raise damaged("its hash is not the one in its name", where)
        return from_parquet(data, where, JOBS), where

    def add(self, found: Iterable[Ended]) -> None:
        """Take in jobs that are done, and write the index where it has grown enough, or is old."""
        self._known |= {one.result.job: one for one in found if one.result.status == "done"}
        if len(self._known) > _GROWTH * self._written + 1 or self._due < time.monotonic():
            self.write()

    def write(self) -> None:
        """Write what was taken in, if anything is new, in place of what is there."""
        if len(self._known) == self._written:
            return
        began, before = time.monotonic(), self.names()
        data = to_parquet(_table(self._known.values()))
        self._files.put({f"{self._folder}/{_name(data)}": data})
        self._files.delete(f"{self._folder}/{name}" for name in before if name != _name(data))
        self._written, now = len(self._known), time.monotonic()
        self._due = now + max(_PAUSE, _IDLE * (now - began))


def _name(data: bytes) -> str:
    return f"jobs-{sha256(data)[:16]}.parquet"


def _table(known: Iterable[Ended]) -> pa.Table:
    lines = [
        {
            **one.result.model_dump(include={*JOBS.names} - {"metrics"}),
            "host": one.state.host,
            "metrics": list(one.result.metrics.items()),
            "record": one.model_dump_json(),
        }
        for one in known
    ]
    return pa.Table.from_pylist(lines, schema=JOBS)


def _warn(error: DamagedError) -> None:
    LOG.warning("%s; reading the jobs themselves", str(error).splitlines()[0])


_UNKNOWN: dict[str, Any] = {"updated": None, "pid": 0, "cause": None, "attempts": ()}
_BRIEF = ("job", "attempt", "epochs", "host")


def _briefly(table: pa.Table) -> Iterator[JobState]:
    """Yield states without validating them: the file's hash has held, and these are its columns."""
    columns = (table[name].to_pylist() for name in _BRIEF)
    for job, attempt, epoch, host, metrics in zip(*columns, _maps(table["metrics"]), strict=True):
        yield JobState.model_construct(
            job=job,
            status="done",
            attempt=attempt,
            epoch=epoch,
            metrics=metrics,
            host=host,
            **_UNKNOWN,
        )


def _maps(column: pa.ChunkedArray) -> Iterator[dict[str, float]]:
    """Yield a column's maps: keys and values as a whole, where Arrow would go one by one."""
    for chunk in column.chunks:
        keys, values = chunk.keys.to_pylist(), chunk.items.to_pylist()
        for start, end in pairwise(chunk.offsets.to_pylist()):
            yield dict(zip(keys[start:end], values[start:end], strict=True))


def _decoded(table: pa.Table, where: str) -> dict[str, Ended]:
    records = table["record"].to_pylist()
    try:
        found = [Ended.model_validate_json(record) for record in records]
    except ValidationError as error:
        raise damaged("its records cannot be read", where) from error
    return {one.result.job: one for one in found}
