"""The check of one job: files that are missing, damaged, or left over by earlier attempts."""

import zlib
from collections.abc import Iterator

from compound.jobs.store.backend.files import Entry
from compound.jobs.store.checking.findings import (
    Finding,
    FindingCounts,
    address,
    lost,
    printable,
    strange,
    stray,
)
from compound.jobs.store.checking.job_view import JobView, look_at, read_file, record
from compound.jobs.store.checking.known_check import check_known
from compound.jobs.store.checking.stream_check import check_stream
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.known_jobs import KnownJob
from compound.jobs.store.format.checksummed_files import read_verified
from compound.jobs.store.format.checksummed_json import DamagedError, has_its_hash
from compound.jobs.store.format.file_kinds import TEST_PREDICTIONS, kind_of
from compound.jobs.store.format.manifest import Attempt, Manifest, StoredFile, Writer
from compound.schemas.base import Model
from compound.schemas.errors import StoreError
from compound.schemas.job import TrainJob

_DELETE = "--delete removes it"
_WITHOUT = "restore it from a copy; without one, intervals leave the choice of images out"


def check_job(
    folder: JobFolder, counts: FindingCounts, older_than: float, seen: KnownJob | None = None
) -> tuple[JobView, list[Finding]]:
    """Return a job as it was read, and what is wrong with it.

    A running job may delete a file that an older commit named: then the job is read again. Orphans
    are deletable once they are `older_than`, in seconds. `seen`: what its studies know of it.
    """
    while True:
        view = look_at(folder, counts)
        findings = list(_JobCheck(view, counts, older_than, seen).findings())
        sound = not any(finding.grave for finding in findings)
        if sound or look_at(folder, FindingCounts()).commits == view.commits:
            return view, findings


class _JobCheck:
    def __init__(
        self, view: JobView, counts: FindingCounts, older_than: float, seen: KnownJob | None
    ) -> None:
        self._view, self._counts, self._older_than = view, counts, older_than
        self._folder, self._files = view.folder, view.folder.files
        self._named_files = self._files_of_commits()
        self._broken = {finding.key for finding in view.unreadable}
        self._manifests = {view.folder.manifest_key(*commit) for commit in view.counting()}
        self._counting = {attempt for attempt, _ in view.counting()}
        self._gone = list(check_known(view, seen))

    def findings(self) -> Iterator[Finding]:
        yield from self._view.unreadable
        yield from self._gone
        yield from self._sealed()
        yield from self._committed()
        yield from self._test_predictions()
        yield from self._streams()
        yield from self._overtaken()
        yield from self._single()
        yield from self._remaining()

    def _files_of_commits(self) -> dict[str, StoredFile]:
        """Return the files of commits that count, or that would if newer ones were damaged."""
        return {
            file.key: file for manifest in self._view.counting().values() for file in manifest.files
        }

    def _sealed(self) -> Iterator[Finding]:
        """Check the job's record, and the claims of attempts that still count."""
        job = f"{self._folder.key}/job.json"
        if self._view.attempts() and job not in self._view.entries:
            yield lost(self._files, self._folder.id, job, "it is missing", "job")
        for key in self._view.entries:
            if kind_of(key) == "job":
                yield from self._record(key, TrainJob)
            elif kind_of(key) == "claim" and self._is_told_by_claim(key):
                yield from self._record(key, Writer)

    def _is_told_by_claim(self, key: str) -> bool:
        foreign_attempt = self._view.attempt_of(key) in self._view.foreign
        return foreign_attempt or self._of_counting_attempt(key)

    def _record(self, key: str, cls: type[Model]) -> Iterator[Finding]:
        try:
            data = read_file(self._files, key)
        except DamagedError as error:
            yield self._lost(key, error.message)
            return
        if data is None:
            return  # deleted meanwhile
        self._counts.add(len(data))
        content = record(self._files, self._folder.id, key, data, cls)
        if isinstance(content, Finding):
            yield content
        elif isinstance(content, TrainJob) and content.id != self._folder.id:
            yield self._lost(key, f"it holds job {content.id}, not {self._folder.id}")

    def _lost(self, key: str, problem: str) -> Finding:
        finding = lost(self._files, self._folder.id, key, problem, kind_of(key) or "")
        if finding.kind == "predictions":
            return finding.model_copy(update={"next_step": _WITHOUT})
        return finding

    def _committed(self) -> Iterator[Finding]:
        """Check the files that commits name. Only those of the newest commit must all exist."""
        newest = None if self._broken else self._view.newest  # a newer one may have dropped more
        needed = {file.key for file in newest.files} if newest else set()
        for key, file in self._named_files.items():
            if key not in needed and key not in self._view.entries:
                continue  # dropped by a later commit
            try:
                read_verified(self._files, file)
                self._counts.add(file.size)
            except DamagedError as error:
                yield self._lost(key, error.message)
            except StoreError as error:
                if error.__cause__ is not None:
                    raise
                yield self._lost(
                    printable(key), error.message
                )  # a link, or a name outside the store

    def _test_predictions(self) -> Iterator[Finding]:
        """Check the files that no commit names, and that have the hash of their content."""
        for key in self._view.entries:
            if not TEST_PREDICTIONS.fullmatch(key.removeprefix(f"{self._folder.key}/")):
                continue
            try:
                data = read_file(self._files, key)
            except DamagedError as error:
                yield self._lost(key, error.message)
                continue
            if data is not None:
                self._counts.add(len(data))
                if not has_its_hash(key, data):
                    yield self._lost(key, "its hash is not that of its content and place")

    def _streams(self) -> Iterator[Finding]:
        for attempt, manifest in self._open_attempts():
            key = self._folder.live_key(attempt)
            try:
                data = read_file(self._files, key)
            except DamagedError as error:
                yield self._lost(key, error.message)
                continue
            if data is None:
                if manifest == self._view.newest:
                    yield self._lost(key, "it is missing")
                continue
            self._counts.add(len(data))
            crc32 = zlib.crc32(data[: manifest.live_from])
            state = check_stream(data, manifest, crc32)
            if state and state.problem == "damaged":
                yield self._lost(key, state.detail)
            elif state and attempt not in self._view.writing:
                yield self._finding(key, state.problem, state.detail, _TORN)

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
                problem = (
                    f"{attempt.name} still writes, though {newest.written_by.name} has taken over"
                )
                key = self._folder.live_key(attempt)
                advice = (
                    f"its rows do not count; {self._writer_of(attempt)} ends at its next checkpoint"
                )
                yield self._finding(key, "overtaken", problem, advice)

    def _writer_of(self, attempt: Attempt) -> str:
        commits = self._view.commits
        writers = [commits[commit].writer for commit in commits if commit[0] == attempt]
        return f"process {writers[0].pid} on {writers[0].host}" if writers else "its process"

    def _single(self) -> Iterator[Finding]:
        newest = self._view.newest
        if newest is None or newest.result is None or self._view.settled:
            return
        for number in (newest.sequence, newest.sequence + 1):
            key = self._folder.manifest_key(newest.written_by, number)
            if (newest.written_by, number) not in self._view.commits and key not in self._broken:
                problem = "an ended job has one copy of its last commit, and should have two"
                advice = "--repair writes it again"
                yield self._finding(key, "single", problem, advice)

    def _remaining(self) -> Iterator[Finding]:
        """Yield files that the store did not write, and files that no commit needs."""
        for entry in self._view.entries.values():
            if kind_of(entry.key) is None or self._is_left_alone(entry):
                yield strange(self._files, self._folder.id, entry)
            elif self._view.attempt_of(entry.key) in self._view.foreign:
                yield from self._copied(entry)
            elif not self._is_needed(entry.key):
                yield self._orphan(entry)

    def _copied(self, entry: Entry) -> Iterator[Finding]:
        """Yield a file of an attempt that was copied here; its records tell it themselves."""
        if entry.key not in self._broken and kind_of(entry.key) != "claim":
            problem = "its folder was written for another place"
            kind = kind_of(entry.key) or ""
            yield stray(self._files, self._folder.id, entry.key, problem, kind, entry.size)

    def _is_left_alone(self, entry: Entry) -> bool:
        """Whether it is no file and stands in the place of none that is needed."""
        return bool(entry.strange) and not self._is_needed(entry.key)

    def _is_needed(self, key: str) -> bool:
        kind, attempt = kind_of(key), self._view.attempt_of(key)
        if kind == "job" or key in self._named_files or attempt in self._view.writing:
            return True
        if kind == "predictions" and attempt is None:
            return True  # of a test part: no commit names it
        if kind == "manifest":
            return key in self._broken or key in self._manifests
        return kind in ("claim", "stream", "sign") and self._of_counting_attempt(key)

    def _of_counting_attempt(self, key: str) -> bool:
        """Whether a claim or a stream is of an attempt that counts and has not deleted it."""
        attempt = self._view.attempt_of(key)
        unsettled = attempt in self._counting and not self._view.settled
        return attempt in self._view.writing or unsettled

    def _orphan(self, entry: Entry) -> Finding:
        reason = self._reason_to_keep(entry)
        return self._finding(
            entry.key, "orphan", self._origin_of(entry.key), reason or _DELETE, deletable=not reason
        )

    def _origin_of(self, key: str) -> str:
        attempt, newest = self._view.attempt_of(key), self._view.newest
        if kind_of(key) == "temporary":
            return "a write that did not end"
        committed = {commit[0] for commit in self._view.commits}
        if attempt is not None and attempt not in committed:
            return f"{attempt.name} has committed nothing"
        if newest and attempt != newest.written_by:
            return f"{newest.written_by.name} has taken over, and ended the job"
        return "no commit that can still count names it"

    def _reason_to_keep(self, entry: Entry) -> str:
        """Return why an orphan must not be deleted yet; empty if it may be."""
        attempt, age = self._view.attempt_of(entry.key), entry.age
        if self._view.writing:
            return f"kept while {self._view.writing[-1].name} is being written"
        if self._view.unreadable:
            return "kept: a commit that cannot be read may name it"
        if self._gone:
            return "kept: a commit that is gone may have named it"
        if attempt is not None and self._view.younger(attempt):
            age = self._view.age(attempt)  # a writer that has just begun has no commit yet
        if age < self._older_than:
            return f"kept until it is {self._older_than / 3600:g} h old; see --older-than"
        return ""

    def _finding(
        self, key: str, problem: str, detail: str, advice: str, *, deletable: bool = False
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
                "what": detail,
                "next_step": advice,
                "deletable": deletable,
            }
        )


_TORN = "nothing: what was cut off was never acknowledged as durable"
