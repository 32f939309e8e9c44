"""The check of a study's folder and of the store's own records."""

import re
import zlib
from collections.abc import Iterable, Iterator

from compound.jobs.store.backend.files import Entry, Files
from compound.jobs.store.checking.contents_check import check_contents
from compound.jobs.store.checking.findings import (
    Finding,
    FindingCounts,
    address,
    foreign,
    lost,
    newer,
    strange,
    stray,
)
from compound.jobs.store.checking.job_view import read_file
from compound.jobs.store.folders.study_folder import StudyFolder, holder_of, lease_key
from compound.jobs.store.format.begun_study import BEGUN
from compound.jobs.store.format.checksummed_json import (
    DamagedError,
    belongs,
    has_its_hash,
    intact,
    label_of,
    misplaced,
    version_of,
)
from compound.jobs.store.format.file_kinds import JOB_ID, STUDY_NAME, kind_of
from compound.jobs.store.format.schema_version import SCHEMA_VERSION
from compound.schemas.errors import StoreError

_FOLDERS = re.compile("jobs|studies|drivers|begun|devices|profiles")
_SEALED = ("marker", "device", "document", "reservation", "begun")
_READ = (*_SEALED, "trace", "index", "lease", "events")
"""Kinds whose content is checked: what is there and is no file is damage, not only foreign."""
_HASHED = re.compile(r"-([0-9a-f]{16})\.(json\.gz|parquet)$")
_PIECE = 1 << 20
_INDEX = "--repair deletes it; jobs are read themselves until the next run"
_NOTE = "nothing: the next run of the study writes it again"
_RESTORE = "restore the folder from a copy, or run the study again; or --repair forgets it"
_EVENTS = "nothing: a crash cuts off what it was just writing"


def check_study(
    files: Files,
    study: StudyFolder,
    counts: FindingCounts,
    older_than: float,
    needed: Iterable[str] = (),
) -> Iterator[Finding]:
    """Yield what is wrong with a study's documents and events, and what does not belong there.

    `needed` are the documents without which there is no study.
    """
    top = f"studies/{study.name}"
    entries = list(files.entries(top))
    kinds = {kind_of(entry.key) for entry in entries}
    keys = {entry.key for entry in entries}
    gone = {f"{top}/{name}" for name in needed if kinds & {"events", "document"}} - keys
    for key in sorted(gone):
        yield lost(files, study.name, key, "it is missing", "document")
    for entry in entries:
        yield from check_file(files, study.name, entry, counts, older_than)
    listed = check_contents(files, study.name, study.contents)
    yield from (finding for finding in listed if finding.key not in gone)
    if "events" in kinds:
        segments = [entry for entry in entries if kind_of(entry.key) == "events"]
        yield from _events(files, study, segments, counts)


def check_top(files: Files, counts: FindingCounts, older_than: float) -> Iterator[Finding]:
    """Yield what is wrong with the store's own records, and what does not belong in its folders."""
    yield from _unexpected(files, "", _FOLDERS, counts, older_than)
    yield from _unexpected(files, "jobs", JOB_ID, counts, older_than)
    yield from _unexpected(files, "studies", STUDY_NAME, counts, older_than)
    for folder in ("drivers", "begun", "devices", "profiles"):
        for entry in files.entries(folder):
            yield from check_file(files, "", entry, counts, older_than)
    yield from _lost_studies(files)


def _lost_studies(files: Files) -> Iterator[Finding]:
    """Yield studies of which no document and no event is left."""
    names = (name.removesuffix(".json") for name in files.names(BEGUN) if name.endswith(".json"))
    for study in filter(STUDY_NAME.fullmatch, names):
        if _is_there(files, f"studies/{study}"):
            continue
        problem = "the study was begun here, and its documents and events are gone"
        key = f"studies/{study}/"
        yield Finding(
            problem="missing",
            owner=study,
            key=key,
            file=address(files, key),
            kind="study",
            what=problem,
            next_step=_RESTORE,
        )


def _is_there(files: Files, folder: str) -> bool:
    """Whether a document or an event of a study is left."""
    try:
        names = files.names(folder)
    except DamagedError:
        return False  # it is no folder
    return any(kind_of(f"{folder}/{name}") in ("document", "events") for name in names)


def _unexpected(
    files: Files, folder: str, expected: re.Pattern[str], counts: FindingCounts, older_than: float
) -> Iterator[Finding]:
    listed = {entry.key: entry for entry in files.entries(folder, deep=False)}
    for entry in listed.values():
        if _is_for_a_folder(entry, expected):
            yield lost(files, "", entry.key, f"it is {entry.strange or 'a file'}, not a folder")
        else:
            yield from check_file(files, "", entry, counts, older_than)
    try:
        names = files.names(folder)
    except DamagedError as error:
        yield lost(files, "", folder, error.message)
        return
    for name in names:
        key = f"{folder}/{name}".removeprefix("/")
        if key not in listed and not expected.fullmatch(name):
            yield foreign(files, "", key, 0, "a folder that the store does not know")


def _is_for_a_folder(entry: Entry, expected: re.Pattern[str]) -> bool:
    """Whether something else lies in a folder's place; a file may have a name like a study's."""
    named = bool(expected.fullmatch(entry.key.rpartition("/")[2]))
    return named and (bool(entry.strange) or expected is not STUDY_NAME)


def check_file(
    files: Files, owner: str, entry: Entry, counts: FindingCounts, older_than: float
) -> Iterator[Finding]:
    """Yield what is wrong with one file that is not a job's."""
    kind = kind_of(entry.key)
    if kind is None or (entry.strange and kind not in _READ):
        yield strange(files, owner, entry)
    elif kind in ("temporary", "probe"):
        yield _leftover(files, owner, entry, older_than, "a write that did not end")
    elif kind in _READ and kind != "events":
        yield from _content(files, owner, entry.key, counts)


def _content(files: Files, owner: str, key: str, counts: FindingCounts) -> Iterator[Finding]:
    kind = kind_of(key) or ""
    try:
        data = read_file(files, key)
    except DamagedError as error:
        yield lost(files, owner, key, error.message, kind)
        return
    if data is None:
        return  # deleted meanwhile
    counts.add(len(data))
    if kind in _SEALED and not intact(data):
        yield lost(files, owner, key, "its checksum does not match", kind)
    elif kind in _SEALED and version_of(data) > SCHEMA_VERSION:
        problem = f"written with store schema {version_of(data)}; this program reads up to "
        yield newer(files, owner, key, f"{problem}{SCHEMA_VERSION}", kind)
    elif kind in _SEALED and not belongs(label_of(data), key):
        yield stray(files, owner, key, misplaced(label_of(data).key, "").message, kind)
    elif kind in ("trace", "index") and not _matches_name(key, data):
        problem = "its hash is not that of its content and place"
        finding = lost(files, owner, key, problem, kind)
        yield finding.model_copy(update={"next_step": _INDEX}) if kind == "index" else finding
    elif kind == "lease" and not _has_holder(data, key):
        yield _torn(files, owner, key, len(data), "it does not name its holder", _NOTE)


def _matches_name(key: str, data: bytes) -> bool:
    """Whether a file has the hash in its name; an old trace has only gzip's checksum."""
    return has_its_hash(key, data) if _HASHED.search(key) else _unzips(data)


def _unzips(data: bytes) -> bool:
    """Whether gzip's checksum is right. Read in pieces: the unpacked size has no limit."""
    # wbits 31: a gzip header and trailer (zlib's manual, inflateInit2).
    unzip = zlib.decompressobj(wbits=31)
    try:
        while data and not unzip.eof:
            unzip.decompress(data, _PIECE)
            data = unzip.unconsumed_tail
    except zlib.error:
        return False
    return unzip.eof and not unzip.unused_data


def _has_holder(note: bytes, key: str) -> bool:
    try:
        return not note or bool(holder_of(note, lease_key(key)))
    except (StoreError, ValueError, KeyError, TypeError):
        return False


def _events(
    files: Files, study: StudyFolder, entries: list[Entry], counts: FindingCounts
) -> Iterator[Finding]:
    key = entries[-1].key
    try:
        damaged, torn = study.lost_events()
    except DamagedError as error:
        yield lost(files, study.name, key, error.message, "events")
        return
    for entry in entries:
        counts.add(entry.size)
    if damaged:
        problem = f"{damaged} lines are damaged, and are left out"
        yield lost(files, study.name, key, problem, "events")
    if torn:
        problem = f"{torn} lines were cut off, and are left out"
        yield _torn(files, study.name, key, entries[-1].size, problem, _EVENTS)


def _torn(files: Files, owner: str, key: str, size: int, problem: str, advice: str) -> Finding:
    return Finding(
        problem="torn",
        owner=owner,
        key=key,
        file=address(files, key),
        kind=kind_of(key) or "",
        size=size,
        what=problem,
        next_step=advice,
    )


def _leftover(files: Files, owner: str, entry: Entry, older_than: float, problem: str) -> Finding:
    young = entry.age < older_than
    advice = f"kept until it is {older_than / 3600:g} h old; see --older-than"
    return Finding(
        problem="orphan",
        owner=owner,
        key=entry.key,
        file=address(files, entry.key),
        kind=kind_of(entry.key) or "",
        size=entry.size,
        what=problem,
        next_step=advice if young else "--delete removes it",
        deletable=not young,
    )
