"""The roster of a study: a line for each job that its documents plan, in one small file.

The documents stay the truth; a plan of ten thousand jobs is thirty megabytes, of which `status`
wants a label and an id of each. The roster names the documents with their sizes, and counts only
while the folder holds these and no others. Like the index it is named by the hash of its bytes,
and may be deleted at any time.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa

from compound.jobs.store.backend.files import Files
from compound.jobs.store.format.checksummed_json import DamagedError, damaged, sha256
from compound.jobs.store.format.file_kinds import ROSTER
from compound.jobs.store.format.rows import from_parquet, to_parquet

LOG = logging.getLogger(__name__)

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
"""Where the file says which documents it was made from, and how many bytes each had."""


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


class Roster:
    """Reads and writes the roster in a study's folder; one process writes at a time."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files, self._folder = files, folder

    def read(self, sizes: Mapping[str, int], documents: Iterable[str]) -> list[Line] | None:
        """Return the jobs of documents; None where there is no roster of just these.

        `sizes`: what lies in the folder, with its bytes.
        """
        wanted = {name: sizes[name] for name in documents if name in sizes}
        for name in filter(ROSTER.fullmatch, sizes):
            try:
                found = self._read(name)
            except DamagedError as error:
                LOG.warning("%s; reading the plan itself", str(error).splitlines()[0])
                continue
            if found is not None and _sizes(found) == wanted:
                columns = (found[column].to_pylist() for column in LINES.names)
                return [Line(*values) for values in zip(*columns, strict=True)]
        return None

    def _read(self, name: str) -> pa.Table | None:
        key = f"{self._folder}/{name}"
        data, where = self._files.read(key), self._files.locate(key)
        if data is None:
            return None  # a newer one has just taken its place
        if _name(data) != name:
            raise damaged("its hash is not the one in its name", where)
        return from_parquet(data, where, LINES)

    def drop(self) -> None:
        """Delete the roster: a document that it was made from is about to change."""
        self._files.delete(f"{self._folder}/{name}" for name in self._names())

    def write(self, sizes: Mapping[str, int], lines: Iterable[Line]) -> None:
        """Write the jobs of documents that had these sizes, in place of what is there."""
        table = pa.Table.from_pylist([line._asdict() for line in lines], schema=LINES)
        data = to_parquet(table, {_SIZES: json.dumps(dict(sizes), sort_keys=True).encode()})
        before = self._names()
        self._files.put({f"{self._folder}/{_name(data)}": data})
        self._files.delete(f"{self._folder}/{name}" for name in before if name != _name(data))

    def _names(self) -> list[str]:
        return [name for name in self._files.names(self._folder) if ROSTER.fullmatch(name)]


def _sizes(table: pa.Table) -> object:
    return json.loads((table.schema.metadata or {}).get(_SIZES, b"null"))


def _name(data: bytes) -> str:
    return f"planned-{sha256(data)[:16]}.parquet"
