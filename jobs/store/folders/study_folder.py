"""A study's folder: its documents, its events, and the lease of its driver."""

import json
import logging
import os
import re
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from compound.jobs.store.backend.files import Entry, Files
from compound.jobs.store.folders.contents import StudyContents
from compound.jobs.store.folders.done_jobs import DoneJobs
from compound.jobs.store.folders.planned_jobs import PlannedJobs
from compound.jobs.store.format.begun_study import BEGUN
from compound.jobs.store.format.checksummed_json import DamagedError, seal, unseal
from compound.jobs.store.format.file_kinds import (
    CONTENTS,
    DOCUMENT,
    EVENTS,
    LEASE,
    STUDY_NAME,
    kind_of,
)
from compound.schemas.base import Model
from compound.schemas.errors import BusyError, StoreError
from compound.schemas.job import Event
from compound.schemas.study import NAME_PATTERN

LOG = logging.getLogger(__name__)

_RESERVED = {LEASE, EVENTS, CONTENTS}

M = TypeVar("M", bound=BaseModel)


class LostLines(NamedTuple):
    """Lines of events that are left out."""

    damaged: int
    """Complete, but not what was written."""
    torn: int
    """Without their end: a crash cut them off."""


class _Note(Model):
    """Who holds a lease."""

    holder: dict[str, str]


class StudyFolder:
    """Documents of one study. One live driver writes; anyone reads at any time."""

    def __init__(self, files: Files, name: str) -> None:
        if not STUDY_NAME.fullmatch(name):
            raise StoreError(f"not a study's name: {name[:100]!r}", allowed=NAME_PATTERN)
        self.name, self._files, self._folder = name, files, f"studies/{name}"
        self._events = f"{self._folder}/{EVENTS}"
        self._seed = zlib.crc32(self._folder.encode())
        self._newest, self._appended = 0, False
        self._unlisted: dict[str, int] = {}
        self.contents = StudyContents(files, self._folder)

    @property
    def done_jobs(self) -> DoneJobs:
        """A new reader or writer of the study's index of done jobs."""
        return DoneJobs(self._files, self._folder)

    @property
    def planned_jobs(self) -> PlannedJobs:
        """A new reader or writer of the study's list of planned jobs."""
        return PlannedJobs(self._files, self._folder)

    def sizes(self) -> dict[str, int]:
        """Return the size of each file in the folder, in bytes, by name."""
        return {name: entry.size for name, entry in self.entries().items()}

    def entries(self) -> dict[str, Entry]:
        """Return the files in the folder, by name."""
        entries = self._files.entries(self._folder, deep=False)
        return {entry.key.rpartition("/")[2]: entry for entry in entries}

    def path(self, name: str) -> str:
        """Return the address of a document; StoreError for a name outside the folder."""
        return self._files.locate(self._key(name))

    def _key(self, name: str) -> str:
        if not DOCUMENT.fullmatch(name) or name in _RESERVED:
            allowed = "lower-case letters, digits, `_`, `-`, then a suffix: plan.json"
            raise StoreError(f"not a document's name: {name[:100]!r}", allowed=allowed)
        return f"{self._folder}/{name}"

    def write(self, name: str, document: BaseModel, *, listed: bool = True) -> None:
        """Replace a document as a whole, and list it with its number.

        `listed`: False for one that is written every second; `list_unlisted` lists it in the end.
        """
        kind, key = type(document).__name__.lower(), self._key(name)
        newest = self.contents.current().newest if listed or not self._newest else 0
        self._newest = number = max(self._newest, newest) + 1
        self._files.put({key: seal(kind, document, key, number=number, indent=1)})
        if listed:
            self.contents.keep_document(name, number)
        else:
            self._unlisted[name] = number

    def list_unlisted(self) -> None:
        """List the documents that were written without; a store that fails costs a warning."""
        try:
            for name, number in self._unlisted.items():
                self.contents.keep_document(name, number)
        except StoreError as error:
            LOG.warning("the list of the study's files was not written: %s", error)

    def read(self, name: str, cls: type[M]) -> M | None:
        """Return a document; None if it was never written, DamagedError if it is damaged."""
        key = self._key(name)
        data = self._files.read(key)
        return None if data is None else unseal(data, cls, self.path(name), key)

    def put_text(self, name: str, text: str) -> None:
        """Replace a text, such as report.html, as a whole."""
        self._files.put({self._key(name): text.encode()})

    def text(self, name: str) -> str:
        """Return a text that was put; empty where there is none."""
        return (self._files.read(self._key(name)) or b"").decode()

    def append_event(self, event: Event) -> None:
        """Add an event. It outlives a killed process, and the end of a job also a power cut."""
        line = _to_line(event, self._seed)
        self._files.append_line(self._events, line, durable=event.kind == "ended")
        if not self._appended:
            self._appended = True
            self.contents.keep_events()

    def events(self) -> list[Event]:
        """Return all events in order, without lines that are torn or damaged."""
        try:
            events = self._lines()
        except DamagedError as error:
            LOG.warning("%s; there are no events", str(error).splitlines()[0])
            return []
        if None in events:
            where = self._files.locate(self._events)
            LOG.warning("%s: %d damaged lines are left out", where, events.count(None))
        return [event for event in events if event is not None]

    def last_event(self) -> Event | None:
        """Return the newest event; the others are not parsed. DamagedError: they are in no file."""
        lines = reversed(self._files.lines(self._events))
        return next((event for line in lines if (event := _from_line(line, self._seed))), None)

    def lost_events(self) -> LostLines:
        """Count the lines of events that cannot be read. DamagedError: they are in no file."""
        lost = [
            line for line in self._files.lines(self._events) if _from_line(line, self._seed) is None
        ]
        torn = sum(not line.endswith(_END) for line in lost)
        return LostLines(len(lost) - torn, torn)

    def _lines(self) -> list[Event | None]:
        return [_from_line(line, self._seed) for line in self._files.lines(self._events)]

    @contextmanager
    def lease(self, holder: Mapping[str, str]) -> Iterator[None]:
        """Be the study's only live driver; BusyError names another. A killed driver frees it."""
        key = f"{self._folder}/{LEASE}"
        since = datetime.now(UTC).isoformat(timespec="seconds")
        note = {"host": socket.gethostname(), "pid": str(os.getpid()), "since": since, **holder}
        lock = self._files.lock(key, seal("lease", _Note(holder=note), key))
        if lock is None:
            raise self._busy(self._files.holder(key), self._files.locate(key))
        try:
            yield
        finally:
            # A study that was refused before it wrote a document leaves nothing. Its file is
            # deleted under the lock: afterwards it may be another driver's.
            if self._files.names(self._folder) == [LEASE]:
                self._files.delete([key])
            else:
                self._keep_ends()
            lock.close()

    def _keep_ends(self) -> None:
        try:
            self.contents.keep_events()
            self.contents.keep_begun()
        except StoreError as error:
            LOG.warning("the list of the study's files was not written: %s", error)

    def drivers(self) -> list[dict[str, str]]:
        """Return who runs the study now, or is about to: host, process and since when."""
        key = f"{self._folder}/{LEASE}"
        notes = self._files.holders(key)
        return [holder for note in notes if (holder := _readable_holder(note, key))]

    def _busy(self, note: bytes, where: str) -> BusyError:
        try:
            holder = holder_of(note, f"{self._folder}/{LEASE}")
            driver = f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (StoreError, ValueError, KeyError, TypeError):
            driver = "a process that has just begun"
        problem = f"study {self.name} is being run by {driver}"
        return BusyError(
            problem, where=where, next_step="wait for it or stop it, then run this again"
        )


def lease_key(key: str) -> str:
    """Return the key of a study's lease; in a bucket the note of each driver has its own ending."""
    return f"{key.rpartition('/')[0]}/{LEASE}"


def holder_of(note: bytes, key: str) -> dict[str, str]:
    """Return the holder that a lease's note names; in stores of schema 1 it is plain JSON.

    StoreError, ValueError, KeyError or TypeError: it names none, as where it is half written.
    """
    if note.startswith(b'{"host": '):
        plain: dict[str, str] = json.loads(note)
        return plain
    return unseal(note, _Note, key, key).holder


def _readable_holder(note: bytes, key: str) -> dict[str, str]:
    try:
        return holder_of(note, key)
    except (StoreError, ValueError, KeyError, TypeError):
        return {}  # it is half written: its process has just begun


def _to_line(event: Event, seed: int) -> bytes:
    """Return the line of an event; `seed`: of the checksum, so that it holds in one study only."""
    content = event.model_dump_json(exclude_none=True).encode()
    # A checksum a line: a line is appended, so a crash or a bad sector costs this line alone.
    return b'{"crc32": "%08x", "event": %s}' % (zlib.crc32(content, seed), content)


_END = b"}}"
_LINE = re.compile(rb'\{"crc32": "([0-9a-f]{8})", "event": (\{.*\})\}')


def _from_line(line: bytes, seed: int) -> Event | None:
    match = _LINE.fullmatch(line)
    if not match:
        return None
    # Lines of schemas 1 to 3 have a checksum of the content alone.
    if int(match[1], 16) not in (zlib.crc32(match[2], seed), zlib.crc32(match[2])):
        return None
    try:
        event = Event.model_validate_json(match[2])
    except ValidationError:
        return None
    timed = "wall_time" in event.model_fields_set
    return event if timed else event.model_copy(update={"wall_time": None})


def study_names(files: Files, *, lost: bool, newest: bool) -> list[str]:
    """Return the names of studies; see `ArtifactStore.studies`."""
    return (lost_studies if lost else _newest_studies if newest else _stored_studies)(files)


def _stored_studies(files: Files) -> list[str]:
    """Return the names of the folders of studies; a link or a file among them is none."""
    no_folders = {entry.key for entry in files.entries("studies", deep=False)}
    names = filter(STUDY_NAME.fullmatch, files.names("studies"))
    return [name for name in names if f"studies/{name}" not in no_folders]


def _newest_studies(files: Files) -> list[str]:
    """Return the names of all studies, those first that were written last; reports do not count."""
    ages: dict[str, float] = {}
    for entry in files.entries("studies"):
        study, _, file = entry.key.removeprefix("studies/").partition("/")
        if STUDY_NAME.fullmatch(study) and file and kind_of(entry.key) != "text":
            ages[study] = min(entry.age, ages.get(study, entry.age))
    return sorted(ages, key=lambda study: (ages[study], study))


def lost_studies(files: Files) -> list[str]:
    """Return the names of the studies that were begun, and whose documents and events are gone."""
    names = (name.removesuffix(".json") for name in files.names(BEGUN) if name.endswith(".json"))
    studies = filter(STUDY_NAME.fullmatch, names)
    return [study for study in studies if not _is_there(files, f"studies/{study}")]


def _is_there(files: Files, folder: str) -> bool:
    """Whether a document or an event of a study is left."""
    try:
        names = files.names(folder)
    except DamagedError:
        return False  # it is no folder
    return any(kind_of(f"{folder}/{name}") in ("document", "events") for name in names)
