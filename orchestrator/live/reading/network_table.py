"""The networks of a study, from its documents, which may be large.

The documents of ten thousand jobs take hundreds of megabytes as objects, so they are read, used and
forgotten; what is kept is a table.
"""

from dataclasses import dataclass

import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.listing.page_tables import candidates_table
from compound.orchestrator.live.reading.file_marks import FileMarks, file_marks
from compound.orchestrator.records.documents import (
    ANSWER,
    DATA,
    SPENDING,
    Documents,
    documents,
)
from compound.schemas.errors import UnknownError

_UNRELATED = {ANSWER, DATA, SPENDING, "contents.json", "lease.json"}
"""Documents that say nothing of networks; some are written with every job."""


@dataclass(frozen=True)
class StudyNetworks:
    """The networks of a study."""

    table: pa.Table
    sources: FileMarks
    """The documents that they were read from."""

    @property
    def revision(self) -> str:
        """Another whenever the table may be another."""
        return repr(sorted(self.sources.items()))


def read_networks(store: ArtifactStore, study: str, before: StudyNetworks | None) -> StudyNetworks:
    """Read a study's networks; `before` is returned where its documents are as they were."""
    marks = file_marks(store.study(study)).items()
    sources = {
        file: mark for file, mark in marks if file.endswith(".json") and file not in _UNRELATED
    }
    if before and before.sources == sources:
        return before
    return StudyNetworks(candidates_table(stored_documents(store, study)), sources)


def stored_documents(store: ArtifactStore, study: str) -> Documents:
    """Return the documents of a study. UnknownError: they are gone."""
    stored = documents(store.study(study))
    if stored is None:
        raise UnknownError(f"no study is called '{study}'", where=store.uri)
    return stored
