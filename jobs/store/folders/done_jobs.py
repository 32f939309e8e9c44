"""The index of a study: its jobs that are done, in one file.

Their manifests stay the truth: the index only saves opening ten thousand of them. What it lacks is
read there.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from compound.jobs.store.backend.files import Files
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.parquet_cache import ParquetCache
from compound.jobs.store.format.checksummed_json import DamagedError, damaged
from compound.jobs.store.format.file_kinds import INDEX
from compound.schemas.base import Model
from compound.schemas.job import JobResult

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
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
    ]
)
"""One line a job that is done; `record` is all of it as JSON. `rows`: the lines of its table of
metrics, and `part` the key of their file: whoever misses the file knows from here what is lost."""
_FORMER: pa.Schema = pa.schema([*JOBS][:-2])
"""The columns in stores of schemas 1 to 3."""

_GROWTH = 1.1
"""A larger index is written when it has grown by so much: n jobs write it about 10 log n times."""
_PAUSE, _IDLE = 10.0, 50.0
"""The next job writes the index again after so many seconds, or so many times what a write took.
Whoever looks at a running study opens only the jobs that ended since."""


class Ended(Model):
    """A job that has ended: its state and its result."""

    state: JobState
    result: JobResult


class DoneJobs(ParquetCache):
    """The jobs of a study that are done; one process writes them at a time."""

    stem, pattern, schema, fallback = "jobs", INDEX, JOBS, "the jobs themselves"
    former = _FORMER

    def __init__(self, files: Files, folder: str) -> None:
        super().__init__(files, folder)
        self._done: dict[str, Ended] | None = None
        """All jobs of the index; None: nothing was added, and the index was not read."""
        self._written, self._changed = 0, False
        self._due = 0.0

    def read(self, among: Iterable[str] | None = None) -> dict[str, Ended]:
        """Return the jobs that are recorded as done; a damaged file is left out.

        `among`: the names in the study's folder, where the caller has just listed them.
        """
        done: dict[str, Ended] = {}
        for table, where in self.tables(self.names() if among is None else among):
            try:
                done |= _decoded(table, where)
            except DamagedError as error:
                self.warn(error)
        return done

    def states(self, among: Iterable[str]) -> dict[str, JobState]:
        """Return the whole states of jobs that are done; `among`: see `read`."""
        return {job: ended.state for job, ended in self.read(among).items()}

    def brief(self, among: Iterable[str]) -> dict[str, JobState]:
        """Return the states of jobs that are done, from the columns alone: without the writers
        of their attempts, and without times. Ten thousand take a tenth of the time of `read`.
        """
        tables = [table for table, _ in self.tables(among)]
        return {state.job: state for table in tables for state in _briefly(table)}

    def rows(self, among: Iterable[str]) -> dict[str, int]:
        """Return how many lines of metrics each job has; 0: not known."""
        tables = [table for table, _ in self.tables(among)]
        pairs = (zip(table["job"].to_pylist(), _parts(table)[0], strict=True) for table in tables)
        return {job: rows for table_pairs in pairs for job, rows in table_pairs}

    def add(self, ended: Iterable[Ended]) -> None:
        """Take in jobs that are done, and write them where they are many more, or it is time.

        A job that was there before stays, whether or not it is still planned: the index is the
        second place that knows of it.
        """
        if self._done is None:
            self._done = self.read()
            self._written = len(self._done)
        done = {job.result.job: job for job in ended if job.result.status == "done"}
        self._changed |= any(self._done.get(job) != now for job, now in done.items())
        self._done |= done
        if len(self._done) > _GROWTH * self._written + 1 or self._due < time.monotonic():
            self.write()

    def write(self) -> None:
        """Write what was taken in, if anything is new, in place of the file before."""
        if not (self._done and self._changed):
            return
        began = time.monotonic()
        self.replace(_table(self._done.values()))
        self._written, self._changed, now = len(self._done), False, time.monotonic()
        self._due = now + max(_PAUSE, _IDLE * (now - began))


def with_opened(
    job_ids: Iterable[str],
    done: Mapping[str, JobState],
    stored: Collection[str],
    root: str,
    opened: Callable[[list[str]], Iterable[JobState]],
) -> dict[str, JobState]:
    """Return the states of jobs: of done ones from the index, those of the others are opened.

    `stored` and `root`: see `has_lost`; `opened`: reads the states of several jobs.
    """
    ids = list(job_ids)
    lost = {job for job in ids if job in done and has_lost(done[job], stored, root)}
    states = {job: done[job] for job in ids if job in done and job not in lost}
    unread = [job for job in ids if job in stored and job not in states]
    states |= zip(unread, opened(unread), strict=True)
    states = {job: states.get(job) or JobState(job=job, status="absent") for job in ids}
    return states | {job: without_rows(states[job], done[job]) for job in lost}


def has_lost(done: JobState, stored: Collection[str], root: str) -> bool:
    """Whether the folder of a done job, or the file of its rows, is gone.

    `stored`: the jobs that have folders. `root`: where the store lies on a disk; empty: in a
    bucket, where looking for each file would be a request.
    """
    if done.job not in stored:
        return True
    # access(2) makes no record of the file as stat does: it takes two thirds of the time.
    return bool(root and done.part) and not os.access(f"{root}/{done.part}", os.F_OK)


def without_rows(state: JobState, indexed: JobState) -> JobState:
    """Return a job's state with the rows that are missing; stores of schemas 1 to 3 count none."""
    return state.model_copy(update={"missing": max(indexed.rows, indexed.epoch)})


def _table(done: Iterable[Ended]) -> pa.Table:
    lines = [
        {
            **job.result.model_dump(include={*JOBS.names} - {"metrics"}),
            "host": job.state.host,
            "rows": job.state.rows,
            "part": job.state.part,
            "metrics": list(job.result.metrics.items()),
            "record": job.model_dump_json(),
        }
        for job in done
    ]
    return pa.Table.from_pylist(lines, schema=JOBS)


_UNKNOWN: dict[str, Any] = {
    "updated": None,
    "pid": 0,
    "cause": None,
    "attempts": (),
    "missing": 0,
}
_DONE = JobState.model_construct(job="", status="done", **_UNKNOWN)
_BRIEF = ("job", "attempt", "epochs", "host")


def _briefly(table: pa.Table) -> Iterator[JobState]:
    """Yield states without validating them: the file's hash was right, so we wrote its columns."""
    columns = (*(table[name].to_pylist() for name in _BRIEF), *_parts(table))
    for job, attempt, epoch, host, rows, part, metrics in zip(
        *columns, _maps(table["metrics"]), strict=True
    ):
        # A copy with other values takes a third of the time of model_construct.
        values = {
            "job": job,
            "attempt": attempt,
            "epoch": epoch,
            "metrics": metrics,
            "host": host,
            "rows": rows,
            "part": part,
        }
        yield _DONE.model_copy(update=values)


def _parts(table: pa.Table) -> tuple[list[int], list[str]]:
    """Return how many rows each job has, and the keys of their files; 0 and empty: not known."""
    if "part" not in table.column_names:
        return [0] * table.num_rows, [""] * table.num_rows
    return table["rows"].to_pylist(), table["part"].to_pylist()


def _maps(column: pa.ChunkedArray) -> Iterator[dict[str, float]]:
    """Yield a column's maps from its two flat arrays: pyarrow's to_pylist converts pair by pair."""
    for chunk in column.chunks:
        keys, values = chunk.keys.to_pylist(), chunk.items.to_pylist()
        for start, end in pairwise(chunk.offsets.to_pylist()):
            yield dict(zip(keys[start:end], values[start:end], strict=True))


def _decoded(table: pa.Table, where: str) -> dict[str, Ended]:
    records = table["record"].to_pylist()
    try:
        done = [Ended.model_validate_json(record) for record in records]
    except ValidationError as error:
        raise damaged("its records cannot be read", where) from error
    return {
        job.result.job: job.model_copy(
            update={"state": job.state.model_copy(update={"rows": rows, "part": part})}
        )
        for job, rows, part in zip(done, *_parts(table), strict=True)
    }
