"""The networks of a study: from its documents, which may be large.

The documents of ten thousand jobs take hundreds of megabytes as objects, so they are read, used and
forgotten; what is kept is a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.named_study import unknown_study
from compound.orchestrator.records import arrow_tables
from compound.orchestrator.records.documents import (
    SPENDING,
    Documents,
    documents,
)
from compound.orchestrator.wording.names import name

_RUNNING = {SPENDING, "events.jsonl", "contents.json", "lease.json", "report.html"}
"""Files that change with every job, and say nothing of networks."""

CANDIDATES: pa.Schema = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("accuracy", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("seeds", pa.int64()),
        pa.field("failed", pa.int64()),
        pa.field("tied", pa.bool_()),
        pa.field("chosen", pa.bool_()),
        *(field for field in arrow_tables.CANDIDATES if field.name != "study"),
    ]
)
"""One row a network with its exact cost, and its standing in the verdict. `accuracy`: the mean over
seeds on validation images, with the interval at the study's level, fractions of 1."""


@dataclass(frozen=True)
class StudyNetworks:
    """The networks of a study."""

    table: pa.Table
    verdict: str
    """The verdict's outcome; "" without one."""
    sources: Mapping[str, int]
    """The sizes of the files that they were read from."""


def read_networks(store: ArtifactStore, study: str, before: StudyNetworks | None) -> StudyNetworks:
    """Read a study's networks; `before` is returned where its documents are as they were."""
    sizes = store.study(study).sizes()
    sources = {
        file: size
        for file, size in sizes.items()
        if file not in _RUNNING and file.endswith(".json")
    }
    if before and before.sources == sources:
        return before
    stored = documents(store.study(study))
    if stored is None:
        raise unknown_study(study, store)
    table = pa.Table.from_pylist(_rows(store, study, stored), CANDIDATES)
    outcome = stored.verdict.outcome if stored.verdict else ""
    return StudyNetworks(table, outcome, sources)


def _rows(store: ArtifactStore, study: str, stored: Documents) -> list[dict[str, Any]]:
    rows = arrow_tables.candidates(store, study, stored).to_pylist()
    verdict, planned = stored.verdict, stored.plan or stored.trained
    networks = [planned.baseline] if planned else []
    networks += stored.search.candidates if stored.search else ()
    networks += [member.network for member in (stored.family.members if stored.family else ())]
    standings = {standing.candidate: standing for standing in verdict.standings} if verdict else {}
    if verdict and verdict.baseline:
        standings[verdict.baseline.candidate] = verdict.baseline
    for row, network in zip(rows, networks, strict=True):
        row["name"] = name(network)
        if (standing := standings.get(network.id)) is None:
            continue
        row |= standing.model_dump(include={"low", "high", "failed", "tied"})
        row |= {"accuracy": standing.mean, "seeds": len(standing.scores)}
        row["chosen"] = verdict is not None and network.id == verdict.chosen
    return rows
