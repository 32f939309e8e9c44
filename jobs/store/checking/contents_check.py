"""The check of a study's files against the study's own list of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from compound.jobs.store.backend.files import Entry, Files
from compound.jobs.store.checking.findings import Finding, lost, stray
from compound.jobs.store.checking.job_view import read_file
from compound.jobs.store.folders.contents import Contents, StudyContents
from compound.jobs.store.format.begun_study import BegunStudy, read_begun
from compound.jobs.store.format.checksummed_json import (
    DamagedError,
    Label,
    has_plain_hash,
    label_of,
)
from compound.jobs.store.format.file_kinds import CONTENTS, kind_of
from compound.jobs.store.format.schema_version import KEYED_SINCE
from compound.schemas.errors import StoreError

_MISSING = "it is missing"
_UNLISTED = "this study never wrote it: it is not on its list"
_AGAIN = "run the study again, which writes it; or --repair takes it off the list"
_RESTORE = "restore it from a copy; without one, --repair takes it off the list"
_OLDER_LIST = "restore the newer folder, or run the study again; or --repair takes it as it is"
_NEW_LIST = "run the study again, which makes it from what is there"


def check_contents(files: Files, study: str, contents: StudyContents) -> list[Finding]:
    """Return files that are gone, cut, or older than the list says.

    The list is read before the files, which are never older than it; where a driver has changed it
    meanwhile, all is read again.
    """
    folder = contents.key.rpartition("/")[0]
    while True:
        try:
            listed = contents.read()
        except StoreError:
            return _unreadable(files, study, contents.key)
        begun = read_begun(files, study)
        names = {e.key.removeprefix(f"{folder}/"): e for e in files.entries(folder)}
        findings = [*_ListCheck(files, study, folder, listed, names, begun).findings()]
        if not findings or listed is None or contents.read() == listed:
            return findings


def _unreadable(files: Files, study: str, key: str) -> list[Finding]:
    """Return a list of files that a folder hides; any other damage is a finding of its own."""
    if key in {entry.key for entry in files.entries(key.rpartition("/")[0])}:
        return []
    finding = lost(files, study, key, "a folder lies in its place", "document")
    return [finding.model_copy(update={"next_step": f"remove the folder; then {_NEW_LIST}"})]


@dataclass(frozen=True)
class _ListCheck:
    files: Files
    study: str
    folder: str
    listed: Contents | None
    names: dict[str, Entry]
    begun: BegunStudy | None

    def findings(self) -> Iterator[Finding]:
        labels = dict(self._labels())
        if self.listed is None:
            if any(label.version >= KEYED_SINCE for label in labels.values()):
                yield self._lost(CONTENTS, _MISSING, _NEW_LIST)
            return
        yield from self._older_list(self.listed)
        yield from self._gone(self.listed)
        for name, label in labels.items():
            yield from self._older(name, label, self.listed.documents.get(name))
        yield from self._foreign_tables(self.listed)

    def _labels(self) -> Iterator[tuple[str, Label]]:
        """Yield what each document that can be read says of itself."""
        for name in self.names:
            if kind_of(f"{self.folder}/{name}") == "document" and name != CONTENTS:
                label = label_of(self._data(name))
                if label.version:
                    yield name, label

    def _data(self, name: str) -> bytes:
        """Return a file's bytes; none where they cannot be read, which is a finding of its own."""
        try:
            return read_file(self.files, f"{self.folder}/{name}") or b""
        except DamagedError:
            return b""

    def _gone(self, listed: Contents) -> Iterator[Finding]:
        for name in (*listed.documents, *listed.tables.values()):
            if name not in self.names:
                yield self._lost(name, _MISSING, _AGAIN)
        for name, size in listed.events.items():
            if name not in self.names:
                yield self._lost(name, _MISSING, _RESTORE)
            elif not self.names[name].strange and self.names[name].size < size:
                problem = f"it has {self.names[name].size:,} of at least {size:,} bytes"
                yield self._lost(name, problem, _RESTORE)

    def _older_list(self, listed: Contents) -> Iterator[Finding]:
        """Yield the list itself, where a driver has left a newer one."""
        begun = self.begun
        if begun and (listed.newest, sum(listed.events.values())) < (begun.newest, begun.events):
            problem = f"the list is an older copy, to number {listed.newest}; a driver has left "
            problem += f"{begun.newest}, with {begun.events:,} bytes of events"
            yield self._lost(CONTENTS, problem, _OLDER_LIST)

    def _older(self, name: str, label: Label, number: int | None) -> Iterator[Finding]:
        """Yield a document that is an older copy, or that no driver of this study has written."""
        key = f"{self.folder}/{name}"
        if label.key == key and label.number < (number or 0):
            later = f"number {number} was written later"
            yield self._lost(name, f"it is an older copy, number {label.number}: {later}", _AGAIN)
        elif not label.key and number is None:
            yield stray(self.files, self.study, key, _UNLISTED, "document")
        elif not label.key and number:
            problem = f"it is an older copy, or another store's: number {number} was written later"
            yield stray(self.files, self.study, key, problem, "document")

    def _foreign_tables(self, listed: Contents) -> Iterator[Finding]:
        """Yield tables named as by schemas 1 to 3, without their place, that are not listed."""
        for name in self.names.keys() - {*listed.tables.values()}:
            key = f"{self.folder}/{name}"
            if kind_of(key) == "index" and has_plain_hash(name, self._data(name)):
                yield stray(self.files, self.study, key, _UNLISTED, "index")

    def _lost(self, name: str, problem: str, advice: str) -> Finding:
        key = f"{self.folder}/{name}"
        finding = lost(self.files, self.study, key, problem, kind_of(key) or "")
        return finding.model_copy(update={"next_step": advice})
