"""The list of a study's files: the second place that knows of each of them.

Each document has a number that grows with every document of the study that is written, inside its
seal. The list has the number of each when it was last written. So a file that is gone, or an older
copy of it, differs from the list, and a list that is gone is missed by the documents. A document is
put before the list: after a crash in between it is newer than the list, never older.
"""

import logging
from collections.abc import Callable

from pydantic import Field

from compound.jobs.store.backend.files import Files
from compound.jobs.store.format.begun_study import BegunStudy, put_begun
from compound.jobs.store.format.checksummed_json import DamagedError, seal, unseal
from compound.jobs.store.format.file_kinds import CONTENTS, INDEX, ROSTER, kind_of
from compound.schemas.base import Model

_log = logging.getLogger(__name__)


class Contents(Model):
    """What a study's folder holds."""

    newest: int = 0
    """The largest number of a document so far."""
    documents: dict[str, int] = Field(default_factory=dict)
    """The number of each document; 0: it was there before the list."""
    tables: dict[str, str] = Field(default_factory=dict)
    """The names of the tables `jobs` and `planned`."""
    events: dict[str, int] = Field(default_factory=dict)
    """How many bytes each file of events has at least."""


class StudyContents:
    """Reads and writes the list of one study; the study's driver alone writes."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files, self._folder, self.key = files, folder, f"{folder}/{CONTENTS}"
        self._study = folder.rpartition("/")[2]

    def read(self) -> Contents | None:
        """Return the list; None: there is none, as in studies of schemas 1 to 3."""
        data = self._files.read(self.key)
        return (
            None if data is None else unseal(data, Contents, self._files.locate(self.key), self.key)
        )

    def current(self) -> Contents:
        """Return the list, or one of what lies there where there is none that can be read."""
        return self._readable() or self._listed()

    def _readable(self) -> Contents | None:
        try:
            return self.read()
        except DamagedError as error:
            _log.warning("%s; making it again", str(error).splitlines()[0])
            return None

    def change(self, change: Callable[[Contents], Contents]) -> None:
        """Write the list with a change, if it is one; before its first, note that the study is."""
        readable = self._readable()
        if readable is None:
            put_begun(self._files, BegunStudy(study=self._study))
        before = readable or self._listed()
        after = change(before)
        if after != before:
            self._files.put({self.key: seal("contents", after, self.key)})

    def keep_document(self, name: str, number: int) -> None:
        """Note that a document was written with a number."""
        self.change(
            lambda now: now.model_copy(
                update={
                    "newest": max(now.newest, number),
                    "documents": {**now.documents, name: number},
                }
            )
        )

    def keep_table(self, stem: str, name: str | None) -> None:
        """Note which file is a table now; None: there is none."""

        def changed(now: Contents) -> Contents:
            tables = {key: value for key, value in now.tables.items() if key != stem}
            return now.model_copy(update={"tables": {**tables, stem: name} if name else tables})

        self.change(changed)

    def keep_events(self) -> None:
        """Note how long the files of events are; what was longer before stays so in the list."""
        sizes = self._sizes("events")

        def changed(now: Contents) -> Contents:
            grown = {name: max(size, now.events.get(name, 0)) for name, size in sizes.items()}
            return now.model_copy(update={"events": {**now.events, **grown}})

        if sizes:
            self.change(changed)

    def keep_begun(self) -> None:
        """Note in the study's record how new the list is."""
        if listed := self._readable():
            events = sum(listed.events.values())
            put_begun(
                self._files, BegunStudy(study=self._study, newest=listed.newest, events=events)
            )

    def forget(self, names: set[str]) -> None:
        """Take files off the list that are gone for good."""

        def remaining(now: Contents) -> Contents:
            return now.model_copy(
                update={
                    "documents": {n: v for n, v in now.documents.items() if n not in names},
                    "tables": {n: v for n, v in now.tables.items() if v not in names},
                    "events": {n: v for n, v in now.events.items() if n not in names},
                }
            )

        self.change(remaining)

    def _sizes(self, kind: str) -> dict[str, int]:
        entries = self._files.entries(self._folder, deep=False)
        return {e.key.rpartition("/")[2]: e.size for e in entries if kind_of(e.key) == kind}

    def _listed(self) -> Contents:
        tables = self._sizes("index")
        jobs, planned = (
            [name for name in tables if pattern.fullmatch(name)] for pattern in (INDEX, ROSTER)
        )
        named = {stem: names[-1] for stem, names in (("jobs", jobs), ("planned", planned)) if names}
        documents = dict.fromkeys(self._sizes("document").keys() - {CONTENTS}, 0)
        return Contents(documents=documents, tables=named, events=self._sizes("events"))
