"""A job's folder as a check sees it: every file, the readable commits, and the live writers."""

import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel

from compound.jobs.store.backend.files import Entry, Files
from compound.jobs.store.checking.findings import Finding, FindingCounts, lost, newer, stray
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_json import DamagedError, MisplacedError, unseal
from compound.jobs.store.format.file_kinds import MANIFEST, attempt_of, kind_of
from compound.jobs.store.format.manifest import Attempt, Manifest, read_manifest
from compound.schemas.errors import StoreError

# Errors of one file, not of the file system: a bad sector, a folder in its place, a loop of links.
_OF_THE_FILE = (errno.EIO, errno.EISDIR, errno.ELOOP)

M = TypeVar("M", bound=BaseModel)

Commit = tuple[Attempt, int]
"""The attempt, and the number in the name of the manifest."""


@dataclass(frozen=True)
class JobView:
    """One reading of a job's folder. `entries` were listed before anything was read."""

    folder: JobFolder
    entries: dict[str, Entry]
    writing: tuple[Attempt, ...]
    """Attempts whose live stream a running process holds open."""
    commits: dict[Commit, Manifest]
    """All commits that can be read."""
    unreadable: tuple[Finding, ...]
    """The other manifests."""
    foreign: frozenset[Attempt] = frozenset()
    """Attempts whose folders were written for another place."""

    @property
    def newest(self) -> Manifest | None:
        """The commit that counts."""
        return self.commits[max(self.commits)] if self.commits else None

    @property
    def copies(self) -> list[Commit]:
        """The copies of the commit that counts; an ended job has two."""
        return [commit for commit, manifest in self.commits.items() if manifest == self.newest]

    @property
    def settled(self) -> bool:
        """Whether the job has ended for good: no single fault makes an older commit count again."""
        newest = self.newest
        return newest is not None and newest.result is not None and len(self.copies) > 1

    def counting(self) -> dict[Commit, Manifest]:
        """Return the commits that count, or would if newer ones were damaged."""
        if not self.settled:
            return self.commits
        return {commit: self.commits[commit] for commit in self.copies}

    def attempt_of(self, key: str) -> Attempt | None:
        """Return the attempt in whose folder a file lies."""
        return attempt_of(key.removeprefix(f"{self.folder.key}/").partition("/")[0])

    def younger(self, attempt: Attempt) -> bool:
        """Whether an attempt comes after the newest that has committed anything."""
        return self.newest is None or attempt > self.newest.written_by

    def age(self, attempt: Attempt) -> float:
        """Return the seconds since an attempt last put a file."""
        top = f"{self.folder.attempt_key(attempt)}/"
        return min(entry.age for key, entry in self.entries.items() if key.startswith(top))

    def attempts(self) -> set[Attempt]:
        """Return the attempts that have files of our naming."""
        attempts = (self.attempt_of(key) for key in self.entries if kind_of(key))
        return {attempt for attempt in attempts if attempt is not None}


def look_at(folder: JobFolder, counts: FindingCounts) -> JobView:
    """Read a job's folder in the order that makes deletions safe.

    Files first, then writers, then commits. A file that a writer has put and not named yet is
    listed while that writer lives; if the writer has ended by then, all its commits are read after.
    """
    entries = {entry.key: entry for entry in folder.files.entries(folder.key)}
    view = JobView(folder, entries, (), {}, ())
    streams = {attempt: folder.live_key(attempt) for attempt in sorted(view.attempts())}
    live = (a for a, key in streams.items() if key in entries and folder.files.is_streaming(key))
    return _with_foreign(_with_commits(replace(view, writing=tuple(live)), counts))


def _with_foreign(view: JobView) -> JobView:
    """Tell attempts that were copied here: none of their commits can be this job's."""
    empty = view.attempts() - {attempt for attempt, _ in view.commits}
    return replace(view, foreign=frozenset(filter(view.folder.is_foreign, empty)))


def _with_commits(view: JobView, counts: FindingCounts) -> JobView:
    commits: dict[Commit, Manifest] = {}
    unreadable: list[Finding] = []
    for commit, key in _manifests(view):
        content = _read(view.folder, key, counts)
        if isinstance(content, Finding):
            unreadable.append(content)
        elif content is not None:
            commits[commit] = content
    return replace(view, commits=commits, unreadable=tuple(unreadable))


def _manifests(view: JobView) -> Iterator[tuple[Commit, str]]:
    for attempt in view.folder.attempts():
        top = view.folder.attempt_key(attempt)
        if top in view.entries:
            continue  # a file or a link in place of a folder
        for name in view.folder.files.names(top):
            if match := MANIFEST.fullmatch(name):
                yield (attempt, int(match[1])), f"{top}/{name}"


def _read(folder: JobFolder, key: str, counts: FindingCounts) -> Manifest | Finding | None:
    """Return a manifest, or what is wrong with it; None if a newer one has replaced it."""
    try:
        data = read_file(folder.files, key)
    except DamagedError as error:
        return lost(folder.files, folder.id, key, error.message, "manifest")
    if data is None:
        return None
    counts.add(len(data))
    where = folder.files.locate(key)
    return judged(folder.files, folder.id, key, lambda: read_manifest(data, where, key))


def record(files: Files, owner: str, key: str, data: bytes, cls: type[M]) -> M | Finding:
    """Return what a sealed file holds, or what is wrong with it."""
    return judged(files, owner, key, lambda: unseal(data, cls, files.locate(key), key))


def judged(files: Files, owner: str, key: str, read: Callable[[], M]) -> M | Finding:
    """Return what a reader returns of a sealed file, or what it says is wrong with it."""
    kind = kind_of(key) or ""
    try:
        return read()
    except MisplacedError as error:
        return stray(files, owner, key, error.message, kind)
    except DamagedError as error:
        return lost(files, owner, key, error.message, kind)
    except StoreError as error:
        return newer(files, owner, key, error.message, kind)


def read_file(files: Files, key: str) -> bytes | None:
    """Return a file's bytes; DamagedError for what is there and cannot be read.

    StoreError where the back end itself does not answer: then no file can be judged.
    """
    try:
        return files.read(key)
    except StoreError as error:
        cause = error.__cause__
        if cause is None or (isinstance(cause, OSError) and cause.errno in _OF_THE_FILE):
            raise DamagedError(error.message, where=error.where) from error
        raise


def folders_among(files: Files, top: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that are of folders. Others, such as links, `check_top` reports."""
    no_folders = {entry.key for entry in files.entries(top, deep=False)}
    return (name for name in names if f"{top}/{name}" not in no_folders)
