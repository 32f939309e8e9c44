"""The networks of a study, from its documents, which may be large.

The documents of ten thousand jobs take hundreds of megabytes as objects, so they are read, used and
forgotten; what is kept is a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.listing.page_tables import candidates_table
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
    sources: Mapping[str, int]
    """The sizes of the documents that they were read from."""


def read_networks(store: ArtifactStore, study: str, before: StudyNetworks | None) -> StudyNetworks:
    """Read a study's networks; `before` is returned where its documents are as they were."""
    sources = document_sizes(store, study)
    if before and before.sources == sources:
        return before
    return StudyNetworks(candidates_table(stored_documents(store, study)), sources)


def document_sizes(store: ArtifactStore, study: str) -> dict[str, int]:
    """Return the sizes of the documents that say something of networks, by name."""
    sizes = store.study(study).sizes()
    return {
        file: size
        for file, size in sizes.items()
        if file.endswith(".json") and file not in _UNRELATED
    }


def stored_documents(store: ArtifactStore, study: str) -> Documents:
    """Return the documents of a study. UnknownError: they are gone."""
    stored = documents(store.study(study))
    if stored is None:
        raise UnknownError(f"no study is called '{study}'", where=store.uri)
    return stored
