"""What tells whether the files of a study have changed: a listing, and the list that it keeps."""

from collections.abc import Mapping

from compound.jobs.store.folders.study_folder import StudyFolder
from compound.schemas.errors import StoreError

FileMarks = Mapping[str, tuple[int, int]]
"""The size of each file of a study's folder, and how often documents had been written before it."""
_UNREAD = {"report.html", "lease.json"}
"""Files of a study's folder that no page is made from."""


def file_marks(folder: StudyFolder) -> FileMarks:
    """Return the marks of a study's files: another document of the same size has another."""
    numbers = _numbers(folder)
    sizes = folder.sizes().items()
    return {name: (size, numbers.get(name, 0)) for name, size in sizes if name not in _UNREAD}


def _numbers(folder: StudyFolder) -> Mapping[str, int]:
    try:
        contents = folder.contents.read()
    except StoreError:
        return {}  # whoever reads the study says so
    return contents.documents if contents else {}
