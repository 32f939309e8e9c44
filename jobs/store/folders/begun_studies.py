"""Which studies a store has: the second place that knows of a study's whole folder.

A study's record is put before its first list of files, and again when a driver ends, after the
list. So the list is never older than the record says, unless an older copy was put back.
"""

from compound.jobs.store.backend.files import DamagedError, Files
from compound.jobs.store.format.checksummed_json import seal, unseal
from compound.jobs.store.format.file_kinds import BEGUN, CONTENTS, STUDY_NAME, kind_of
from compound.schemas.base import Model
from compound.schemas.errors import StoreError

_KEPT = ("document", "events")
"""Kinds of files without which a study's folder holds nothing of it."""


class BegunStudy(Model):
    """A study that has written something, as of the end of its last driver."""

    study: str
    newest: int = 0
    """The largest number of a document."""
    events: int = 0
    """Bytes of all files of events."""


def begun_key(study: str) -> str:
    """Return the key of a study's record."""
    return f"{BEGUN}/{study}.json"


def put_begun(files: Files, begun: BegunStudy) -> None:
    """Replace a study's record."""
    key = begun_key(begun.study)
    files.put({key: seal("begun", begun, key)})


def read_begun(files: Files, study: str) -> BegunStudy | None:
    """Return a study's record; None where there is none, or none that can be read."""
    key = begun_key(study)
    try:
        data = files.read(key)
        return unseal(data, BegunStudy, key, key) if data else None
    except StoreError:
        return None  # a finding of its own


def stored_studies(files: Files) -> list[str]:
    """Return the names of the folders of studies; a link or a file among them is none."""
    no_folders = {entry.key for entry in files.entries("studies", deep=False)}
    names = filter(STUDY_NAME.fullmatch, files.names("studies"))
    return [name for name in names if f"studies/{name}" not in no_folders]


def lost_studies(files: Files) -> list[str]:
    """Return the names of the studies that were begun, and whose documents and events are gone."""
    names = (name.removesuffix(".json") for name in files.names(BEGUN) if name.endswith(".json"))
    studies = filter(STUDY_NAME.fullmatch, names)
    return [study for study in studies if not _is_kept(files, f"studies/{study}")]


def _is_kept(files: Files, folder: str) -> bool:
    try:
        names = files.names(folder)
    except DamagedError:
        return False  # it is no folder
    return CONTENTS in names or any(kind_of(f"{folder}/{name}") in _KEPT for name in names)
