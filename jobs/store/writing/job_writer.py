"""The one writer of an attempt."""

import uuid
import zlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from compound.jobs.store.backend.files import Content, Stream
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.retention import retained
from compound.jobs.store.format.checkpoint import (
    Checkpoint,
    Extra,
    Gathered,
    Position,
    Saved,
    encode,
)
from compound.jobs.store.format.checksummed_files import described
from compound.jobs.store.format.checksummed_json import DamagedError, seal
from compound.jobs.store.format.manifest import (
    Attempt,
    CheckpointFiles,
    Environment,
    Manifest,
    RowsPart,
    Writer,
)
from compound.jobs.store.format.predictions import Predictions, file_of
from compound.jobs.store.format.rows import (
    LIVE_HEADER,
    between,
    relabelled,
    rows_of,
    table_of,
    to_live,
    to_parquet,
)
from compound.jobs.store.writing.attempt_claim import claim, this_process
from compound.jobs.store.writing.commits import Commits
from compound.jobs.store.writing.row_buffer import RowBuffer
from compound.jobs.store.writing.writer_thread import WriterThread
from compound.schemas.errors import StoreError
from compound.schemas.job import EpochRow, JobResult, TrainJob
from compound.schemas.metrics import ACCURACY

if TYPE_CHECKING:
    from torch import Tensor


class JobWriter:
    """Writes one attempt of a job; only the first rank has one.

    Call `resume` (the other methods call it if you did not), then `log` each epoch and `save`
    after some of them, then `finish`. Every method raises StoreError if the store fails; rows and
    checkpoints that were acknowledged before stay readable. After a newer attempt has begun,
    `save` and `finish` of this one raise StoreError. `save_later` leaves the work to a thread; its
    error is raised by the next call, at the latest by `wait` or `finish`.
    """

    def __init__(
        self,
        folder: JobFolder,
        job: TrainJob,
        *,
        world_size: int = 1,
        environment: Environment | None = None,
    ) -> None:
        self._folder, self._files = folder, folder.files
        self._record(job)
        self._attempt, self._writer = claim(folder, this_process(world_size, environment))
        self._keep = job.recipe.keep
        self._last: EpochRow | None = None
        self._live: Stream | None = None
        self._live_crc32 = zlib.crc32(LIVE_HEADER)
        self._rows: RowBuffer | None = None
        self._commits: Commits | None = None
        self._resumed = False
        self._earlier: tuple[Writer, ...] = ()
        self._thread = WriterThread()

    def _record(self, job: TrainJob) -> None:
        try:
            recorded = self._folder.job()
        except DamagedError:
            recorded = None  # the id is the hash of the content: it can be written again
        if recorded is None:
            key = f"{self._folder.key}/job.json"
            self._files.put({key: seal("job", job, key, indent=1)})

    @property
    def identity(self) -> Attempt:
        """This attempt."""
        return self._attempt

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._attempt.number

    def resume(self, continues: str | None = None) -> Checkpoint | None:
        """Begin: return the checkpoint to start from, or None to start with the first epoch.

        From now on this attempt counts, and later epochs of earlier attempts are void. A job
        without a checkpoint of its own goes on from the checkpoint of the job that it `continues`,
        and takes over that job's rows.
        """
        assert not self._resumed, "resume is called once"
        self._resumed = True
        earlier = self._folder.newest(below=self._attempt)
        self._earlier = (*earlier.earlier, earlier.writer) if earlier else ()
        checkpoint = self._folder.checkpoint_in(earlier) if earlier else None
        if earlier is None or checkpoint is None:
            return self._take_over(continues)
        rows = between(self._folder.table_in(earlier), 1, checkpoint.epoch)
        before = earlier.checkpoints[: earlier.checkpoints.index(checkpoint.stored) + 1]
        resumed = {"resumed_attempt": earlier.attempt, "resumed_epoch": checkpoint.epoch}
        self._begin(rows, {**resumed, "checkpoints": before})
        return checkpoint

    def _take_over(self, continues: str | None) -> Checkpoint | None:
        """Begin where another job ended, whose files stay; without one, from the start."""
        shorter = JobFolder(self._files, continues) if continues else None
        checkpoint = shorter.checkpoint() if shorter else None
        if shorter is None or checkpoint is None:
            self._begin(table_of([]), {})
            return None
        rows = between(shorter.table(), 1, checkpoint.epoch)
        own_rows = relabelled(rows, self._folder.id, self.attempt)
        self._begin(own_rows, {"continues": shorter.id, "resumed_epoch": checkpoint.epoch})
        return checkpoint

    def _begin(self, rows: pa.Table, taken_over: dict[str, Any]) -> None:
        self._rows = RowBuffer(rows)
        self._last = rows_of(rows)[-1] if rows.num_rows else None
        self._live = self._files.stream(self._folder.live_key(self._attempt))
        # The stream's schema first: readers can open it before the first row is logged.
        self._live.write(LIVE_HEADER)
        parts, data = self._part(rows)
        first = Manifest(
            job=self._folder.id,
            attempt=self.attempt,
            nonce=self._attempt.nonce,
            sequence=1,
            writer=self._writer,
            earlier=self._earlier,
            parts=parts,
            live_from=self._live.size,
            live_crc32=self._live_crc32,
            last=self._last,
            **taken_over,
        )
        commits = Commits(self._folder, first)
        commits.begin(data)
        self._commits = commits

    def _begun(self) -> tuple[Commits, RowBuffer, Stream]:
        if not self._resumed:
            self.resume()
        if not (self._commits and self._rows and self._live):
            problem = f"attempt {self.attempt} takes no more: it could not begin, or has ended"
            raise StoreError(problem, where=self._files.locate(self._folder.key))
        return self._commits, self._rows, self._live

    def log(self, row: EpochRow) -> None:
        """Append an epoch's row: readers see it at once, and it outlives a killed process."""
        _, rows, live = self._begun()
        self._thread.check()
        assert (row.job, row.attempt) == (self._folder.id, self.attempt), "a row of another writer"
        assert row.metrics, "a row without metrics"
        assert self._last is None or row.epoch > self._last.epoch, "epochs go up"
        batch = rows.batch(row)
        message = to_live(batch)
        live.write(message)
        self._live_crc32 = zlib.crc32(message, self._live_crc32)
        rows.add(batch)
        self._last = row

    def save(
        self,
        epoch: int,
        step: int,
        model: "Mapping[str, Tensor]",
        optimizer: "Mapping[str, Tensor]",
        extra: Extra,
    ) -> None:
        """Commit a checkpoint of the epoch just logged, and all rows; durable on return."""
        self.save_later(Position(epoch, step), lambda: Saved(model, optimizer, extra))
        self.wait()

    def save_later(self, position: Position, content: Callable[[], Saved | Gathered]) -> None:
        """Commit a checkpoint, and all rows logged so far, in a thread of this writer.

        `content` is called there; its tensors, on the CPU, must not change until it is done:
        until `wait` returns, or another `save_later`, which waits first. Rows that are logged
        meanwhile stay in the live stream.
        """
        commits, rows, live = self._begun()
        self._thread.wait()
        assert (self._last.epoch if self._last else 0) == position.epoch, "logged, then saved"
        sealed, unsealed = rows.unsealed(commits.newest.parts)
        covered = {"live_from": live.size, "live_crc32": self._live_crc32, "last": self._last}

        def commit() -> None:
            stored, data = self._checkpoint(position, content())
            part, more = self._part(unsealed)
            checkpoints = retained((*commits.newest.checkpoints, stored), self._keep)
            changes = {"parts": (*sealed, *part), "checkpoints": checkpoints, **covered}
            commits.commit({**data, **more}, **changes)

        self._thread.start(commit)

    @property
    def idle(self) -> bool:
        """Whether no checkpoint is being written."""
        return self._thread.idle

    def wait(self) -> None:
        """Wait until the last checkpoint is durable; StoreError if it could not be written."""
        self._thread.wait()

    def finish(self, result: JobResult, predictions: Predictions | None = None) -> None:
        """Commit how the job ended, with all its rows in one part. Nothing may follow.

        `predictions`: of the validation images, by the last weights of a job that is done.
        """
        commits, rows, _ = self._begun()
        self._thread.wait()
        assert result.job == self._folder.id, "the result of another job"
        part, data = self._part(rows.all())
        stored, more = file_of(self._key("predictions"), predictions)
        changes = {"parts": part, "last": self._last, "result": result, "predictions": stored}
        commits.end({**data, **more}, **changes)
        self.close()

    def close(self) -> None:
        """Release the attempt. Without `finish` the job counts as stopped, and can resume."""
        try:
            self._thread.close()
        finally:
            live, self._live = self._live, None
            if live:
                live.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _key(self, name: str) -> str:
        """Return a key that was never written before."""
        return f"{self._folder.attempt_key(self._attempt)}/{name}-{uuid.uuid4().hex[:8]}"

    def _checkpoint(
        self, position: Position, saved: Saved | Gathered
    ) -> tuple[CheckpointFiles, dict[str, Content]]:
        epoch, step, epoch_step = position
        apart = saved if isinstance(saved, Gathered) else None
        folder = apart.folder if apart else self._key(position.name)
        content = encode(saved, {"attempt": self.attempt, **position._asdict()})
        files = {name: described(f"{folder}/{name}", data) for name, data in content.items()}
        score = None if epoch_step else saved.extra.get(ACCURACY)
        stored = CheckpointFiles(
            attempt=self.attempt,
            epoch=epoch,
            step=step,
            epoch_step=epoch_step,
            score=None if score is None else float(score),
            folder=folder,
            files={**apart.shards, **files} if apart else files,
        )
        return stored, {files[name].key: data for name, data in content.items()}

    def _part(self, table: pa.Table) -> tuple[tuple[RowsPart, ...], dict[str, Content]]:
        """Return a table as one part, with its bytes by key; no part if it is empty."""
        if not table.num_rows:
            return (), {}
        first, last = table["epoch"][0].as_py(), table["epoch"][-1].as_py()
        key = f"{self._key(f'rows-{first:04d}-{last:04d}')}.parquet"
        data = to_parquet(table)
        entry = described(key, data)
        part = RowsPart(
            key=key,
            size=entry.size,
            sha256=entry.sha256,
            rows=table.num_rows,
            first_epoch=first,
            last_epoch=last,
        )
        return (part,), {key: data}
