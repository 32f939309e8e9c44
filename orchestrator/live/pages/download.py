"""Tables as files: what is shown of a table, or one of the tables of a store, in parts."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.csv_cells import csv_table
from compound.orchestrator.live.listing.table_query import selected
from compound.orchestrator.live.pages.study_requests import reader_of, study_of
from compound.orchestrator.live.pages.table_page import asked_table
from compound.orchestrator.losses.study_losses import unknown_study
from compound.orchestrator.records import arrow_tables
from compound.orchestrator.records.documents import documents
from compound.schemas.errors import UnknownError

_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_PART = 10_000
"""Rows of a part of a table that is in memory as a whole."""


async def download_shown(request: Request) -> Response:
    """Return what a URL asks of a table of a page, over all pages of rows."""
    suffix = suffix_of(request)
    study_table = await asked_table(request)
    rows = await run_in_threadpool(selected, study_table.table, study_table.query)
    parts = (rows.slice(start, _PART) for start in range(0, rows.num_rows, _PART))
    return sent(f"{study_table.study.name}-{study_table.name}", suffix, rows.schema, parts)


async def download_stored(request: Request) -> Response:
    """Return one of the tables that `compound export` writes, whole."""
    name, suffix = request.path_params["table"], suffix_of(request)
    if name not in arrow_tables.TABLES:
        allowed = ", ".join(arrow_tables.TABLES)
        raise UnknownError(f"there is no table '{name[:40]}'", allowed=allowed)
    state, _ = await study_of(request)
    reader = reader_of(request)
    if name == "metrics":  # without the documents, whose jobs may take 400 MB
        labels = {line.job: line.label for line in state.planned}
        store = await reader.once(lambda opened: opened)
        rows = arrow_tables.metrics_in_parts(store, state.name, labels)
        return sent(f"{state.name}-{name}", suffix, arrow_tables.METRICS, rows)
    schema, parts = await reader.once(lambda store: _stored(store, state.name, name))
    return sent(f"{state.name}-{name}", suffix, schema, parts)


def suffix_of(request: Request) -> str:
    """Return the kind of file that a URL asks for. UnknownError: it is none that is sent."""
    suffix: str = request.path_params["suffix"]
    if suffix not in _TYPES:
        raise UnknownError(f"no table is sent as .{suffix[:20]}", allowed=", ".join(_TYPES))
    return suffix


def _stored(store: ArtifactStore, study: str, name: str) -> tuple[pa.Schema, Iterable[pa.Table]]:
    """Return a table of the store."""
    stored = documents(store.study(study))
    if stored is None:
        raise unknown_study(study, store)
    schema, make = arrow_tables.TABLES[name]
    return schema, [make(store.knowing(study), study, stored)]


def sent(stem: str, suffix: str, schema: pa.Schema, parts: Iterable[pa.Table]) -> Response:
    """Return a table as a file, part by part.

    `stem`: the file's name, of what names of studies have, so that a header need not quote it.
    """
    headers = {
        "Content-Disposition": f'attachment; filename="{stem}.{suffix}"',
        "Cache-Control": "no-store",
    }
    chunks = written(schema, parts, suffix)
    return StreamingResponse(chunks, headers=headers, media_type=_TYPES[suffix])


def written(schema: pa.Schema, parts: Iterable[pa.Table], suffix: str) -> Iterator[bytes]:
    """Yield a file of a table whose parts are made one after another.

    CSV: what a spreadsheet would compute is text. `suffix`: csv or parquet.
    """
    texts, sink = suffix == "csv", _Chunks()
    shape = csv_table(schema.empty_table(), str).schema if texts else schema
    kind = pyarrow.csv.CSVWriter if texts else pyarrow.parquet.ParquetWriter
    with kind(pa.PythonFile(sink, mode="w"), shape) as writer:
        for part in parts:
            writer.write_table(csv_table(part, str) if texts else part)
            yield sink.drained()
    yield sink.drained()


class _Chunks:
    """A file whose bytes are taken away as they are written."""

    closed = False

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> int:
        """Append bytes."""
        self._bytes += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open: what is written last can still be taken."""

    def drained(self) -> bytes:
        """Return what was written since the last time."""
        chunk, self._bytes = bytes(self._bytes), bytearray()
        return chunk
