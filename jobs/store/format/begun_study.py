"""The record of a begun study: the second place that knows of a study's whole folder.

A study's record is put before its first list of files, and again when a driver ends, after the
list. So the list is never older than the record says, unless an older copy was put back.
"""

from compound.jobs.store.backend.files import Files
from compound.jobs.store.format.checksummed_json import seal, unseal
from compound.schemas.base import Model
from compound.schemas.errors import StoreError

BEGUN = "begun"
"""The folder with the record of each study."""


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
