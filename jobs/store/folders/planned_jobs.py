"""The planned jobs of a study, in one small file: a line for each job of its documents.

The documents stay the truth. A plan of ten thousand jobs is thirty megabytes, of which `status`
needs a label and an id for each job. The file names the documents with their sizes: it is valid
only while the folder holds these and no others.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa

from compound.jobs.store.folders.parquet_cache import ParquetCache
from compound.jobs.store.format.file_kinds import ROSTER

LINES: pa.Schema = pa.schema(
    [
        pa.field("document", pa.string(), nullable=False),
        pa.field("phase", pa.string(), nullable=False),
        pa.field("job", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("candidate", pa.string(), nullable=False),
        pa.field("epochs", pa.int64(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("resolution", pa.int64(), nullable=False),
        pa.field("alpha", pa.float64()),
        pa.field("beta", pa.float64()),
        pa.field("params", pa.int64()),
    ]
)
"""One line a planned job of a document; null where the network is not among the candidates."""

_SIZES = b"compound.documents"
"""The metadata with the documents that the file was made from, and the bytes of each."""


class Line(NamedTuple):
    """A planned job, as far as a listing of jobs shows it; see LINES."""

    document: str
    phase: str
    job: str
    label: str
    candidate: str
    epochs: int
    seed: int
    resolution: int
    alpha: float | None = None
    beta: float | None = None
    params: int | None = None


class PlannedJobs(ParquetCache):
    """The planned jobs of a study's documents; one process writes them at a time."""

    stem, pattern, schema, fallback = "planned", ROSTER, LINES, "the plan itself"

    def read(self, sizes: Mapping[str, int], documents: Iterable[str]) -> list[Line] | None:
        """Return the jobs of documents; None where no file was made from just these.

        `sizes`: the names in the folder, with the bytes of each.
        """
        current = {name: sizes[name] for name in documents if name in sizes}
        for table, _ in self.tables(sizes):
            if _sizes(table) == current:
                columns = (table[column].to_pylist() for column in LINES.names)
                return [Line(*values) for values in zip(*columns, strict=True)]
        return None

    def drop(self) -> None:
        """Delete the file: a document that it was made from is about to change."""
        if self.names():
            self.forget()

    def write(self, sizes: Mapping[str, int], lines: Iterable[Line]) -> None:
        """Write the jobs of documents that had these sizes, in place of the file before."""
        table = pa.Table.from_pylist([line._asdict() for line in lines], schema=LINES)
        self.replace(table, {_SIZES: json.dumps(dict(sizes), sort_keys=True).encode()})


def _sizes(table: pa.Table) -> object:
    return json.loads((table.schema.metadata or {}).get(_SIZES, b"null"))
