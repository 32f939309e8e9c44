"""A study's folder and the store's own records, checked."""

import re
import zlib
from collections.abc import Iterable, Iterator

from compound.jobs.store.backend.files import Entry, Files
from compound.jobs.store.checking.findings import (
    Finding,
    FindingCounts,
    address,
    foreign,
    lost,
    newer,
)
from compound.jobs.store.checking.job_view import read_file
from compound.jobs.store.folders.study_folder import StudyFolder, holder_of
from compound.jobs.store.format.checksummed_json import (
    SCHEMA_VERSION,
    DamagedError,
    intact,
    sha256,
    version_of,
)
from compound.jobs.store.format.file_kinds import JOB_ID, STUDY_NAME, kind_of
from compound.schemas.errors import StoreError

_FOLDERS = re.compile("jobs|studies|devices|profiles")
_SEALED = ("marker", "device", "document")
_HASHED = re.compile(r"-([0-9a-f]{16})\.(json\.gz|parquet)$")
_PIECE = 1 << 20
_INDEX = "compound fsck --repair takes it away; jobs are read themselves until the next run"
_NOTE = "nothing: the next run of the study writes it anew"
_EVENTS = "nothing: a crash cuts off what it was just writing"


def check_study(
    files: Files,
    study: StudyFolder,
    tally: FindingCounts,
    older_than: float,
    needed: Iterable[str] = (),
) -> Iterator[Finding]:
    """Yield what is wrong with a study's documents and events, and what does not belong there.

    `needed` are the documents without which there is no study.
    """
    top = f"studies/{study.name}"
    entries = list(files.entries(top))
    kinds = {kind_of(one.key) for one in entries}
    for name in needed if kinds & {"events", "document"} else ():
        if f"{top}/{name}" not in {one.key for one in entries}:
            yield lost(files, study.name, f"{top}/{name}", "it is missing", "document")
    for entry in entries:
        yield from check_file(files, study.name, entry, tally, older_than)
    if "events" in kinds:
        segments = [one for one in entries if kind_of(one.key) == "events"]
        yield from _events(files, study, segments, tally)


def check_top(files: Files, tally: FindingCounts, older_than: float) -> Iterator[Finding]:
    """Yield what is wrong with the store's own records, and what lies where nothing belongs."""
    yield from _strays(files, "", _FOLDERS, tally, older_than)
    yield from _strays(files, "jobs", JOB_ID, tally, older_than)
    yield from _strays(files, "studies", STUDY_NAME, tally, older_than)
    for folder in ("devices", "profiles"):
        for entry in files.entries(folder):
            yield from check_file(files, "", entry, tally, older_than)


def _strays(
    files: Files, folder: str, expected: re.Pattern[str], tally: FindingCounts, older_than: float
) -> Iterator[Finding]:
    found = {one.key: one for one in files.entries(folder, deep=False)}
    for entry in found.values():
        yield from check_file(files, "", entry, tally, older_than)
    for name in files.names(folder):
        key = f"{folder}/{name}".removeprefix("/")
        if key not in found and not expected.fullmatch(name):
            yield foreign(files, "", key, 0, "a folder that the store does not know")


def check_file(
    files: Files, owner: str, entry: Entry, tally: FindingCounts, older_than: float
) -> Iterator[Finding]:
    """Yield what is wrong with one file that is not a job's."""
    kind = kind_of(entry.key)
    if kind is None:
        yield foreign(files, owner, entry.key, entry.size)
    elif kind in ("temporary", "probe"):
        yield _leftover(files, owner, entry, older_than, "a write that did not end")
    elif kind in (*_SEALED, "trace", "index", "lease"):
        yield from _content(files, owner, entry.key, tally)


def _content(files: Files, owner: str, key: str, tally: FindingCounts) -> Iterator[Finding]:
    kind = kind_of(key) or ""
    try:
        data = read_file(files, key)
    except DamagedError as error:
        yield lost(files, owner, key, error.what, kind)
        return
    if data is None:
        return  # deleted meanwhile
    tally.add(len(data))
    if kind in _SEALED and not intact(data):
        yield lost(files, owner, key, "its checksum does not match", kind)
    elif kind in _SEALED and version_of(data) > SCHEMA_VERSION:
        what = f"written with store schema {version_of(data)}; this program reads up to "
        yield newer(files, owner, key, f"{what}{SCHEMA_VERSION}", kind)
    elif kind in ("trace", "index") and not _as_named(key, data):
        found = lost(files, owner, key, "its checksum does not match", kind)
        yield found.model_copy(update={"next_step": _INDEX}) if kind == "index" else found
    elif kind == "lease" and not _tells_its_holder(data):
        yield _torn(files, owner, key, len(data), "it does not tell who left it", _NOTE)


def _as_named(key: str, data: bytes) -> bool:
    """Whether a file is what its name tells, by a hash; an old trace has only gzip's checksum."""
    if match := _HASHED.search(key):
        return sha256(data).startswith(match[1])
    return _unzips(data)


def _unzips(data: bytes) -> bool:
    """Whether gzip's checksum holds. Read in pieces: what it unpacks to may be of any size."""
    unzip = zlib.decompressobj(wbits=31)
    try:
        while data and not unzip.eof:
            unzip.decompress(data, _PIECE)
            data = unzip.unconsumed_tail
    except zlib.error:
        return False
    return unzip.eof and not unzip.unused_data


def _tells_its_holder(note: bytes) -> bool:
    try:
        return not note or bool(holder_of(note))
    except (StoreError, ValueError, KeyError, TypeError):
        return False


def _events(
    files: Files, study: StudyFolder, entries: list[Entry], tally: FindingCounts
) -> Iterator[Finding]:
    damaged, torn = study.lost_events()
    for entry in entries:
        tally.add(entry.size)
    key = entries[-1].key
    if damaged:
        what = f"{damaged} lines are damaged, and are left out"
        yield lost(files, study.name, key, what, "events")
    if torn:
        what = f"{torn} lines were cut off, and are left out"
        yield _torn(files, study.name, key, entries[-1].size, what, _EVENTS)


def _torn(files: Files, owner: str, key: str, size: int, what: str, advice: str) -> Finding:
    return Finding(
        problem="torn",
        owner=owner,
        key=key,
        file=address(files, key),
        kind=kind_of(key) or "",
        size=size,
        what=what,
        next_step=advice,
    )


def _leftover(files: Files, owner: str, entry: Entry, older_than: float, what: str) -> Finding:
    young = entry.age < older_than
    kept = f"kept until it is {older_than / 3600:g} h old; see --older-than"
    return Finding(
        problem="orphan",
        owner=owner,
        key=entry.key,
        file=address(files, entry.key),
        kind=kind_of(entry.key) or "",
        size=entry.size,
        what=what,
        next_step=kept if young else "compound fsck --delete removes it",
        deletable=not young,
    )
