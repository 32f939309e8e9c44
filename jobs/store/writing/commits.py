"""The commits of one attempt: files first, then the manifest, then the deletion of the old."""

from collections.abc import Iterable, Mapping
from typing import Any

from compound.jobs.store.backend.files import Content
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_json import seal
from compound.jobs.store.format.file_kinds import attempt_of, kind_of
from compound.jobs.store.format.manifest import Attempt, Manifest
from compound.schemas.errors import StoreError


class Commits:
    """Writes manifests, and deletes files that neither readers nor a fallback need.

    Why a deletion is safe against an attempt that takes over at the same moment: a successor
    first claims its folder and then reads our manifest; we first put our manifest and then look
    for its folder. If we see none, the successor reads the new manifest, which names nothing
    that we delete. If we see one, we delete nothing and stop.
    """

    def __init__(self, folder: JobFolder, first: Manifest) -> None:
        self._folder, self._files = folder, folder.files
        self._sequence = first.sequence
        self._before: list[Manifest] = []
        self.newest = first

    def begin(self, data: Mapping[str, Content]) -> None:
        """Commit the attempt's first manifest: from here on it is the one that counts."""
        self._put(data, self.newest, copies=1)

    def commit(self, data: Mapping[str, Content], **changes: Any) -> None:
        """Commit files and what changes in the manifest."""
        following = self._following(changes)
        self._put(data, following, copies=1)
        self._before.append(self.newest)
        self.newest = following
        self._refuse_if_superseded()
        self._tidy()

    def end(self, data: Mapping[str, Content], **changes: Any) -> None:
        """Commit the last manifest, twice, so that no single fault can undo an ended job."""
        last = self._following(changes)
        self._put(data, last, copies=2)
        self.newest = last
        self._refuse_if_superseded()
        self._sweep()

    def _following(self, changes: dict[str, Any]) -> Manifest:
        self._sequence += 1
        return self.newest.model_copy(update={"sequence": self._sequence, **changes})

    def _put(self, data: Mapping[str, Content], manifest: Manifest, copies: int) -> None:
        keys = [manifest.key(copy) for copy in range(copies)]
        # Two puts: the manifest may only be there once all files that it names are durable.
        if data:
            self._put_or_clean_up(data)
        self._files.put({key: seal("manifest", manifest, key) for key in keys})

    def _put_or_clean_up(self, data: Mapping[str, Content]) -> None:
        try:
            self._files.put(data)
        except StoreError as error:
            try:
                self._files.delete(data)
            except StoreError as second:
                error.add_note(f"and the files already written could not be deleted: {second}")
            raise

    def _key(self, sequence: int) -> str:
        return self._folder.manifest_key(self.newest.written_by, sequence)

    def _refuse_if_superseded(self) -> None:
        attempt = self.newest.written_by
        newest = max([attempt, *self._folder.attempts()])
        if newest > attempt and not self._folder.is_foreign(newest):
            problem = f"{attempt.name} of this job has been taken over by {newest.name}"
            where = self._files.locate(self._folder.attempt_key(attempt))
            raise StoreError(
                problem, where=where, next_step="end this process; the newer one goes on"
            )

    def _tidy(self) -> None:
        """Keep the last two manifests with their rows, and the newest one's checkpoints."""
        while len(self._before) > 1:
            oldest = self._before.pop(0)
            needed = _parts(self._before) | _parts([self.newest])
            self._delete({self._key(oldest.sequence), *_parts([oldest])} - needed)
        self._delete(_checkpoints(self._before) - _checkpoints([self.newest]))

    def _sweep(self) -> None:
        """Delete all that this and earlier attempts wrote and the last manifest does not name.

        An attempt that has begun since is a newer one, and none of its files is touched.
        """
        last, own = self.newest.sequence, self.newest.written_by
        swept: set[str] = set()
        needed = _parts([self.newest]) | _checkpoints([self.newest])
        needed |= {self._key(last), self._key(last + 1)}
        top = f"{self._folder.key}/"
        foreign: dict[Attempt, bool] = {own: False}
        # By files, not by folders: s3rver lists no folder without a file directly in it.
        for key in self._files.walk(self._folder.key):
            attempt = attempt_of(key.removeprefix(top).partition("/")[0])
            if attempt is None or attempt > own or key in needed:
                continue
            if attempt not in foreign:
                foreign[attempt] = self._folder.is_foreign(attempt)
            if not foreign[attempt]:
                swept.add(key)
        self._delete(swept)

    def _delete(self, keys: set[str]) -> None:
        """Delete this job's own files only: an earlier job's manifest may name that job's files."""
        top = f"{self._folder.key}/"
        self._files.delete(key for key in keys if key.startswith(top) and kind_of(key))


def _parts(manifests: Iterable[Manifest]) -> set[str]:
    """Return the keys of rows and predictions."""
    files = ((*manifest.parts, manifest.predictions) for manifest in manifests)
    return {file.key for group in files for file in group if file}


def _checkpoints(manifests: Iterable[Manifest]) -> set[str]:
    stored = (checkpoint for manifest in manifests for checkpoint in manifest.checkpoints)
    return {file.key for checkpoint in stored for file in checkpoint.files.values()}
