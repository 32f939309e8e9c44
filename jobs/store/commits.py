"""The commits of one attempt: files first, then the manifest, then the deletion of the old."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jobs.store.files import Content
from jobs.store.folder import JobFolder
from jobs.store.manifest import Manifest
from jobs.store.sealed import seal
from schemas.errors import StoreError

_OURS = re.compile(
    r"live\.arrows|rows-.*\.parquet|manifest-\d+\.json"
    r"|epoch-[^/]*/(model\.safetensors|optimizer\.(safetensors|pt)|state\.json)"
    r"|epoch-[^/]*/shard-\d{5}(-of-\d{5}\.safetensors|\.json)"
)


class Commits:
    """Writes manifests, and deletes what no reader and no fallback needs any more.

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
        sealed = seal("manifest", manifest)
        numbers = range(manifest.sequence, manifest.sequence + copies)
        if data:
            self._put_or_clean_up(data)
        self._files.put({self._key(number): sealed for number in numbers})

    def _put_or_clean_up(self, data: Mapping[str, Content]) -> None:
        try:
            self._files.put(data)
        except StoreError as error:
            try:
                self._files.delete(data)
            except StoreError as second:
                error.add_note(f"and what was half done could not be deleted: {second}")
            raise

    def _key(self, sequence: int) -> str:
        return self._folder.manifest_key(self.newest.attempt, sequence)

    def _refuse_if_superseded(self) -> None:
        attempt, newest = self.newest.attempt, max(self._folder.attempts())
        if newest > attempt:
            what = f"attempt {attempt} of this job has been taken over by attempt {newest}"
            where = self._files.locate(self._folder.attempt_key(attempt))
            raise StoreError(what, where=where, next_step="end this process; the newer one goes on")

    def _tidy(self) -> None:
        """Keep the last two manifests with their rows, and the newest one's checkpoints."""
        while len(self._before) > 1:
            oldest = self._before.pop(0)
            needed = _parts(self._before) | _parts([self.newest])
            self._files.delete([self._key(oldest.sequence), *(_parts([oldest]) - needed)])
        dropped = _checkpoints(self._before) - _checkpoints([self.newest])
        self._files.delete(dropped)

    def _sweep(self) -> None:
        """Delete all that this and earlier attempts wrote and the last manifest does not name."""
        last = self.newest.sequence
        needed = _parts([self.newest]) | _checkpoints([self.newest])
        needed |= {self._key(last), self._key(last + 1)}
        for attempt in range(1, self.newest.attempt + 1):
            top = self._folder.attempt_key(attempt)
            found = self._files.walk(top)
            ours = {key for key in found if _OURS.fullmatch(key.removeprefix(f"{top}/"))}
            self._files.delete(ours - needed)


def _parts(manifests: Iterable[Manifest]) -> set[str]:
    return {part.key for manifest in manifests for part in manifest.parts}


def _checkpoints(manifests: Iterable[Manifest]) -> set[str]:
    stored = (checkpoint for manifest in manifests for checkpoint in manifest.checkpoints)
    return {file.key for checkpoint in stored for file in checkpoint.files.values()}
