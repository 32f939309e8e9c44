"""Sharded checkpoints: each rank writes its own file, and the first rank commits them all.

Nothing is sent between ranks: a rank puts its shard, then a note with the shard's hash beside it.
The first rank waits for all notes, and names the shards in the manifest, which commits them. So
every rank can write while it trains on.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from compound.jobs.store.backend.files import Files
from compound.jobs.store.format import tensors
from compound.jobs.store.format.checksummed_files import described
from compound.jobs.store.format.checksummed_json import seal, unseal
from compound.jobs.store.format.file_kinds import shard_name
from compound.jobs.store.format.manifest import StoredFile
from compound.jobs.store.writing.writer_thread import WriterThread
from compound.schemas.base import Model
from compound.schemas.errors import StoreError

if TYPE_CHECKING:  # torch takes seconds to import, and only those who train or restore need it
    from torch import Tensor


PATIENCE_S = 900.0
"""Seconds that the first rank waits for the others' shards once its own is written."""
GRACE_S = 5.0
"""The same once the job has failed: a shard that is almost written may still come."""
_POLL_S, _LONGEST_POLL_S = 0.05, 1.0
"""Seconds between two reads of a note, at least and at most: in a bucket each is a request. Between
these it is a tenth of the time waited so far, which delays a checkpoint by a tenth at most."""


def note_name(rank: int) -> str:
    """Return the name of a rank's note, which lies beside its shard until the commit."""
    return f"shard-{rank + 1:05d}.json"


class _Note(Model):
    """A rank's note about its shard."""

    file: StoredFile | None = None
    problem: str = ""
    """Why there is none."""


class Shards:
    """One rank's shards of the checkpoints of an attempt."""

    def __init__(self, files: Files, attempt_key: str, rank: int, ranks: int) -> None:
        self._files, self._top, self._rank, self._ranks = files, attempt_key, rank, ranks
        self._thread = WriterThread()
        self._limit = math.inf

    def folder(self, name: str) -> str:
        """Return the key of a checkpoint's folder: the same on all ranks."""
        return f"{self._top}/{name}-shards"

    def write(self, folder: str, content: "Callable[[], Mapping[str, Tensor]]") -> None:
        """Make this rank's shard durable, and note it; or note the error, and raise it."""
        try:
            self._put_note(folder, _Note(file=self._put(folder, content())))
        except Exception as error:  # any error: the first rank waits for a note
            self._put_note(
                folder, _Note(problem=(str(error) or type(error).__name__).splitlines()[0])
            )
            raise

    def _put(self, folder: str, content: "Mapping[str, Tensor]") -> StoredFile:
        data = tensors.encode(content)
        stored = described(f"{folder}/{shard_name(self._rank, self._ranks)}", data)
        self._files.put({stored.key: data})
        return stored

    def later(self, task: Callable[[], None]) -> None:
        """Run a task in this rank's thread, after the one before."""
        self._thread.start(task)

    def wait(self) -> None:
        """Wait for the task, and raise what it raised."""
        self._thread.wait()

    def collect(self, folder: str) -> dict[str, StoredFile]:
        """Return all ranks' shards by name, once they are durable.

        StoreError: a rank could not write its own, or has not within PATIENCE_S.
        """
        deadline = time.monotonic() + PATIENCE_S
        shards = [self._wait_for_note(folder, rank, deadline) for rank in range(self._ranks)]
        self._files.delete([f"{folder}/{note_name(rank)}" for rank in range(self._ranks)])
        return {file.key.rpartition("/")[2]: file for file in shards}

    def give_up(self) -> None:
        """Let `collect` end soon, now or later: a rank may be gone."""
        self._limit = time.monotonic() + GRACE_S

    def close(self) -> None:
        """Wait for the task and end the thread; what the task raised is only logged."""
        self._thread.close()

    def _put_note(self, folder: str, note: _Note) -> None:
        key = f"{folder}/{note_name(self._rank)}"
        self._files.put({key: seal("shard", note, key)})

    def _wait_for_note(self, folder: str, rank: int, deadline: float) -> StoredFile:
        """Wait for a rank's note about its shard."""
        key, begun = f"{folder}/{note_name(rank)}", time.monotonic()
        while (data := self._files.read(key)) is None:
            if time.monotonic() > min(deadline, self._limit):
                raise self._missing(folder, rank, "it has not come")
            time.sleep(min(max(_POLL_S, (time.monotonic() - begun) / 10), _LONGEST_POLL_S))
        note = unseal(data, _Note, self._files.locate(key), key)
        if note.file is None:
            raise self._missing(folder, rank, note.problem)
        return note.file

    def _missing(self, folder: str, rank: int, why: str) -> StoreError:
        return StoreError(
            f"the checkpoint lacks the shard of worker {rank}: {why}",
            where=self._files.locate(folder),
            next_step="run the same command again: it goes on from the checkpoint before",
        )
