"""Writes checkpoints: a whole one by the first rank, or a part by each rank."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from compound.jobs.parallel.process import Process
from compound.jobs.store.format.checkpoint import Extra, Gathered, Position, Saved
from compound.jobs.store.format.manifest import Attempt
from compound.jobs.store.writing.checkpoint_shards import Shards
from compound.jobs.store.writing.job_writer import JobWriter
from compound.jobs.training.checkpoints.snapshot import Snapshot
from compound.schemas.job import TrainJob

if TYPE_CHECKING:
    from compound.jobs.store.artifacts import ArtifactStore

_log = logging.getLogger(__name__)


class CheckpointWriter(Protocol):
    """Writes checkpoints in a thread, one after another. The next call raises its errors."""

    def save(self, position: Position, snapshot: Snapshot, extra: Callable[[], Extra]) -> None:
        """Write a snapshot, which must not change until `wait` returns."""
        ...

    def wait(self) -> None:
        """Wait until the last one is durable; StoreError if it could not be written."""
        ...

    def give_up(self) -> None:
        """Stop to wait for parts that other ranks may never write, because the job has failed."""
        ...

    def close(self) -> None:
        """Wait, and release the attempt."""
        ...


def checkpoint_writer(
    job: TrainJob,
    store: "ArtifactStore",
    process: Process,
    writer: JobWriter | None,
    attempt: Attempt,
) -> CheckpointWriter | None:
    """Return the writer of a rank; None for a rank that writes nothing."""
    if process.traits.divides:
        shards = store.shards(job.id, attempt, process.rank, process.world_size)
        return _ShardedCheckpoint(shards, writer)
    return _WholeCheckpoint(writer) if writer else None


def _wait_despite_errors(wait: Callable[[], None]) -> None:
    """Wait for the checkpoint of a failed job; an error here must not hide why the job failed."""
    try:
        wait()
    except Exception as error:  # of the store, or of CUDA, whose copies the thread waits for
        _log.warning("the last checkpoint could not be written: %s", error)


class _WholeCheckpoint:
    def __init__(self, writer: JobWriter) -> None:
        self._writer = writer

    def save(self, position: Position, snapshot: Snapshot, extra: Callable[[], Extra]) -> None:
        def content() -> Saved:
            snapshot.wait()
            return Saved(snapshot.model, snapshot.slots, extra())

        self._writer.save_later(position, content)

    def wait(self) -> None:
        self._writer.wait()

    def give_up(self) -> None:
        """Wait for the store. A checkpoint that a lost device has spoilt is dropped."""
        _wait_despite_errors(self.wait)

    def close(self) -> None:
        self._writer.close()


class _ShardedCheckpoint:
    """Every rank writes its shard. Then the first rank, which has the writer, commits them all."""

    def __init__(self, shards: Shards, writer: JobWriter | None) -> None:
        self._shards, self._writer = shards, writer

    def save(self, position: Position, snapshot: Snapshot, extra: Callable[[], Extra]) -> None:
        folder = self._shards.folder(position.name)

        def content() -> Mapping[str, Tensor]:
            snapshot.wait()
            return snapshot.part

        def write() -> None:
            self._shards.write(folder, content)

        def gathered() -> Gathered:
            write()
            return Gathered(folder, self._shards.collect(folder), extra())

        if self._writer:
            self._writer.save_later(position, gathered)
        else:
            self._shards.later(write)

    def wait(self) -> None:
        (self._writer or self._shards).wait()

    def give_up(self) -> None:
        """Drop a checkpoint that lacks shards. The end of the job is still written."""
        self._shards.give_up()
        _wait_despite_errors(self.wait)

    def close(self) -> None:
        self._shards.give_up()
        self._shards.close()
        if self._writer:
            self._writer.close()
