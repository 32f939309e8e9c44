"""One job, checked: whole, missing, damaged, or left over by attempts that are gone."""

import zlib
from collections.abc import Iterator

from compound.jobs.store.backend.files import Entry
from compound.jobs.store.checking.findings import (
    Finding,
    FindingCounts,
    address,
    foreign,
    lost,
    printable,
)
from compound.jobs.store.checking.job_view import JobView, look, read_file, record
from compound.jobs.store.checking.stream_check import check_stream
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_files import read_verified
from compound.jobs.store.format.checksummed_json import DamagedError
from compound.jobs.store.format.file_kinds import kind_of
from compound.jobs.store.format.manifest import Attempt, Manifest, StoredFile, Writer
from compound.schemas.base import Model
from compound.schemas.errors import StoreError
from compound.schemas.job import TrainJob

_DELETE = "compound fsck --delete removes it"


def check_job(
    folder: JobFolder, tally: FindingCounts, older_than: float
) -> tuple[JobView, list[Finding]]:
    """Return a job as it was looked at, and what is wrong with it.

    A job at work may delete what an older commit named: then it is looked at again. Orphans are
    deletable once they are `older_than` so many seconds.
    """
    while True:
        view = look(folder, tally)
        found = list(_JobCheck(view, tally, older_than).findings())
        calm = not any(one.grave for one in found)
        if calm or look(folder, FindingCounts()).commits == view.commits:
            return view, found


class _JobCheck:
    def __init__(self, view: JobView, tally: FindingCounts, older_than: float) -> None:
        self._view, self._tally, self._older_than = view, tally, older_than
        self._folder, self._files = view.folder, view.folder.files
        self._known = self._used()
        self._broken = {one.key for one in view.unreadable}
        self._manifests = {view.folder.manifest_key(*commit) for commit in view.counting()}
        self._counting = {attempt for attempt, _ in view.counting()}

    def findings(self) -> Iterator[Finding]:
        yield from self._view.unreadable
        yield from self._sealed()
        yield from self._named()
        yield from self._streams()
        yield from self._overtaken()
        yield from self._single()
        yield from self._others()

    def _used(self) -> dict[str, StoredFile]:
        """Return the files that commits name which count, or would if newer ones were damaged."""
        return {
            file.key: file
            for manifest in self._view.counting().values()
            for file in stored_files(manifest)
        }

    def _sealed(self) -> Iterator[Finding]:
        """Check the job's record, and the claims of attempts that still count."""
        job = f"{self._folder.key}/job.json"
        if self._view.attempts() and job not in self._view.entries:
            yield lost(self._files, self._folder.id, job, "it is missing", "job")
        for key in self._view.entries:
            if kind_of(key) == "job":
                yield from self._record(key, TrainJob)
            elif kind_of(key) == "claim" and self._counts(key):
                yield from self._record(key, Writer)

    def _record(self, key: str, cls: type[Model]) -> Iterator[Finding]:
        try:
            data = read_file(self._files, key)
        except DamagedError as error:
            yield self._lost(key, error.what)
            return
        if data is None:
            return  # deleted meanwhile
        self._tally.add(len(data))
        found = record(self._files, self._folder.id, key, data, cls)
        if isinstance(found, Finding):
            yield found
        elif isinstance(found, TrainJob) and found.id != self._folder.id:
            yield self._lost(key, f"it holds job {found.id}, not {self._folder.id}")

    def _lost(self, key: str, what: str) -> Finding:
        return lost(self._files, self._folder.id, key, what, kind_of(key) or "")

    def _named(self) -> Iterator[Finding]:
        """Check what commits name. Only the newest one's files must all be there."""
        newest = None if self._broken else self._view.newest  # a newer one may have dropped more
        needed = {file.key for file in stored_files(newest)} if newest else set()
        for key, file in self._known.items():
            if key not in needed and key not in self._view.entries:
                continue  # dropped by a later commit
            try:
                read_verified(self._files, file)
                self._tally.add(file.size)
            except DamagedError as error:
                yield self._lost(key, error.what)
            except StoreError as error:
                if error.__cause__ is not None:
                    raise
                yield self._lost(printable(key), error.what)  # a name that leads elsewhere

    def _streams(self) -> Iterator[Finding]:
        for attempt, manifest in self._open_attempts():
            key = self._folder.live_key(attempt)
            data = self._files.read(key)
            if data is None:
                if manifest == self._view.newest:
                    yield self._lost(key, "it is missing")
                continue
            self._tally.add(len(data))
            crc32 = zlib.crc32(data[: manifest.live_from])
            found = check_stream(data, manifest, crc32)
            if found and found.problem == "damaged":
                yield self._lost(key, found.what)
            elif found and attempt not in self._view.writing:
                yield self._finding(key, found.problem, found.what, _TORN)

    def _open_attempts(self) -> Iterator[tuple[Attempt, Manifest]]:
        """Yield each attempt that counts and has not ended, with its newest commit."""
        last: dict[Attempt, Manifest] = {}
        for (attempt, _), manifest in sorted(self._view.counting().items(), key=lambda x: x[0]):
            last[attempt] = manifest
        for attempt, manifest in last.items():
            if manifest.result is None:
                yield attempt, manifest

    def _overtaken(self) -> Iterator[Finding]:
        newest = self._view.newest
        for attempt in self._view.writing:
            if newest and attempt < newest.written_by:
                what = (
                    f"{attempt.name} still writes, though {newest.written_by.name} has taken over"
                )
                key = self._folder.live_key(attempt)
                advice = f"its rows do not count; {self._who(attempt)} ends at its next checkpoint"
                yield self._finding(key, "overtaken", what, advice)

    def _who(self, attempt: Attempt) -> str:
        found = [m.writer for (one, _), m in self._view.commits.items() if one == attempt]
        return f"process {found[0].pid} on {found[0].host}" if found else "its process"

    def _single(self) -> Iterator[Finding]:
        newest = self._view.newest
        if newest is None or newest.result is None or self._view.settled:
            return
        for number in (newest.sequence, newest.sequence + 1):
            key = self._folder.manifest_key(newest.written_by, number)
            if (newest.written_by, number) not in self._view.commits and key not in self._broken:
                what = "the last commit of an ended job is there once, and should be twice"
                yield self._finding(key, "single", what, "compound fsck --repair writes it again")

    def _others(self) -> Iterator[Finding]:
        """Go through all files: what is not ours, and what no commit can name any more."""
        for entry in self._view.entries.values():
            if kind_of(entry.key) is None:
                yield foreign(self._files, self._folder.id, entry.key, entry.size)
            elif not self._has_a_use(entry.key):
                yield self._orphan(entry)

    def _has_a_use(self, key: str) -> bool:
        kind, attempt = kind_of(key), self._view.attempt_of(key)
        if kind == "job" or key in self._known or attempt in self._view.writing:
            return True
        if kind == "manifest":
            return key in self._broken or key in self._manifests
        return kind in ("claim", "stream", "sign") and self._counts(key)

    def _counts(self, key: str) -> bool:
        """Whether a claim or a stream is of an attempt that counts and has not swept it away."""
        attempt = self._view.attempt_of(key)
        unsettled = attempt in self._counting and not self._view.settled
        return attempt in self._view.writing or unsettled

    def _orphan(self, entry: Entry) -> Finding:
        reason = self._kept_for(entry)
        return self._finding(
            entry.key, "orphan", self._left_by(entry.key), reason or _DELETE, deletable=not reason
        )

    def _left_by(self, key: str) -> str:
        attempt, newest = self._view.attempt_of(key), self._view.newest
        if kind_of(key) == "temporary":
            return "a write that did not end"
        if attempt is not None and attempt not in {one for one, _ in self._view.commits}:
            return f"{attempt.name} has committed nothing"
        if newest and attempt != newest.written_by:
            return f"{newest.written_by.name} has taken over, and ended the job"
        return "no commit that can still count names it"

    def _kept_for(self, entry: Entry) -> str:
        """Return why an orphan must not be deleted yet; empty if it may be."""
        attempt, age = self._view.attempt_of(entry.key), entry.age
        if self._view.writing:
            return f"kept while {self._view.writing[-1].name} is being written"
        if self._view.unreadable:
            return "kept: a commit that cannot be read may name it"
        if attempt is not None and self._view.younger(attempt):
            age = self._view.age(attempt)  # a writer that has just begun has no commit yet
        if age < self._older_than:
            return f"kept until it is {self._older_than / 3600:g} h old; see --older-than"
        return ""

    def _finding(
        self, key: str, problem: str, what: str, advice: str, *, deletable: bool = False
    ) -> Finding:
        entry = self._view.entries.get(key)
        return Finding.model_validate(
            {
                "problem": problem,
                "owner": self._folder.id,
                "key": key,
                "file": address(self._files, key),
                "kind": kind_of(key) or "",
                "size": entry.size if entry else 0,
                "what": what,
                "next_step": advice,
                "deletable": deletable,
            }
        )


_TORN = "nothing: what was cut off was never acknowledged as durable"


def stored_files(manifest: Manifest) -> list[StoredFile]:
    """Return all files that a commit names."""
    checkpoints = [file for one in manifest.checkpoints for file in one.files.values()]
    return [*manifest.parts, *checkpoints]
