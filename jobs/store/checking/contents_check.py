"""The check of a study's files against the study's own list of them."""

from collections.abc import Iterator, Mapping

from compound.jobs.store.backend.files import Entry, Files
from compound.jobs.store.checking.findings import Finding, lost, stray
from compound.jobs.store.checking.job_view import read_file
from compound.jobs.store.folders.contents import Contents, StudyContents
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
_AGAIN = "run the study again, which writes it; or --repair takes it off the list"
_RESTORE = "restore it from a copy; without one, --repair takes it off the list"


def check_contents(
    files: Files, study: str, contents: StudyContents, entries: Mapping[str, Entry]
) -> Iterator[Finding]:
    """Yield files that are gone, cut, or older than the list says; `entries` are by name."""
    labels = dict(_labels(files, contents, entries))
    try:
        listed = contents.read()
    except StoreError:
        return  # a finding of its own
    if listed is None:
        if any(label.version >= KEYED_SINCE for label in labels.values()):
            yield lost(files, study, contents.key, _MISSING, "document").model_copy(
                update={"next_step": "run the study again, which makes it from what is there"}
            )
        return
    yield from _gone(files, study, contents, listed, entries)
    for name, label in labels.items():
        yield from _older(files, study, contents, listed, name, label)
    for name, size in listed.events.items():
        if name in entries and entries[name].size < size:
            problem = f"it has {entries[name].size:,} of at least {size:,} bytes"
            yield _mismatch(files, study, contents, name, problem)
    for name in entries:
        if kind_of(_key(contents, name)) == "index" and _is_old_table(
            files, contents, listed, name
        ):
            key = _key(contents, name)
            yield stray(files, study, key, "this study never wrote it: it is not listed", "index")


def _labels(
    files: Files, contents: StudyContents, entries: Mapping[str, Entry]
) -> Iterator[tuple[str, Label]]:
    """Yield what each document that can be read says of itself."""
    for name in entries:
        key = _key(contents, name)
        if kind_of(key) != "document" or name == CONTENTS:
            continue
        try:
            data = read_file(files, key)
        except DamagedError:
            continue  # a finding of its own
        if data is not None and label_of(data).version:
            yield name, label_of(data)


def _gone(
    files: Files,
    study: str,
    contents: StudyContents,
    listed: Contents,
    entries: Mapping[str, Entry],
) -> Iterator[Finding]:
    for name in (*listed.documents, *listed.tables.values(), *listed.events):
        if name not in entries:
            yield _mismatch(files, study, contents, name, _MISSING)


def _mismatch(
    files: Files, study: str, contents: StudyContents, name: str, problem: str
) -> Finding:
    key = _key(contents, name)
    kind = kind_of(key) or ""
    advice = _RESTORE if kind == "events" else _AGAIN
    return lost(files, study, key, problem, kind).model_copy(update={"next_step": advice})


def _older(
    files: Files, study: str, contents: StudyContents, listed: Contents, name: str, label: Label
) -> Iterator[Finding]:
    """Yield a document that is an older copy, or that no driver of this study has written."""
    key, number = _key(contents, name), listed.documents.get(name)
    if label.key == key and label.number < (number or 0):
        problem = f"it is an older copy, number {label.number}: number {number} was written later"
        yield lost(files, study, key, problem, "document")
    elif not label.key and number is None:
        yield stray(files, study, key, "this study never wrote it: it is not listed", "document")
    elif not label.key and number:
        problem = f"it is of another store or an older copy: number {number} was written here"
        yield stray(files, study, key, problem, "document")


def _is_old_table(files: Files, contents: StudyContents, listed: Contents, name: str) -> bool:
    """Whether a table has a name of schemas 1 to 3, which does not cover its place, and is new."""
    if name in listed.tables.values():
        return False
    try:
        data = read_file(files, _key(contents, name))
    except DamagedError:
        return False
    return data is not None and has_plain_hash(name, data)


def _key(contents: StudyContents, name: str) -> str:
    return f"{contents.key.rpartition('/')[0]}/{name}"
