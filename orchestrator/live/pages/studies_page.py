"""The studies of a store: a table like any other."""

from dataclasses import dataclass

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from compound.orchestrator.live.listing.page_tables import STUDIES, studies_table
from compound.orchestrator.live.listing.table_query import TableQuery, page_of, parsed, selected
from compound.orchestrator.live.pages.download import sent, suffix_of
from compound.orchestrator.live.pages.study_requests import Read, reader_of, rendered, value_of
from compound.orchestrator.live.pages.table_page import table_values

PATH = "/tables/studies"


@dataclass(frozen=True)
class StudiesTable:
    """The studies of a store, and what the URL asks of their table."""

    table: pa.Table
    query: TableQuery
    read: Read
    unread: int
    """How many have not been read yet."""


async def studies_page(request: Request) -> Response:
    """Return the list of studies: a fragment for htmx, for anybody else a page."""
    listed = await _listed(request)
    rows = await run_in_threadpool(page_of, listed.table, listed.query)
    fragment = "HX-Request" in request.headers
    values = {
        **table_values(request, rows, PATH, "/"),
        "read": listed.read,
        "store": reader_of(request).uri,
        "unread": listed.unread,
    }
    template = "table_fragment.html.j2" if fragment else "studies.html.j2"
    mark = f"{template} {rows} {listed.read.mark} {listed.unread}"
    return await rendered(request, template, mark, **values)


async def studies_download(request: Request) -> Response:
    """Return the studies that a URL asks for, as CSV or Parquet."""
    suffix, listed = suffix_of(request), await _listed(request)
    rows = await run_in_threadpool(selected, listed.table, listed.query)
    return sent("studies", suffix, rows.schema, [rows])


async def _listed(request: Request) -> StudiesTable:
    query = parsed("studies", STUDIES, request.query_params.multi_items())
    rows, read = value_of(await reader_of(request).studies(), "the store")
    table = await run_in_threadpool(studies_table, rows.names, rows.rows)
    return StudiesTable(table, query, read, len(rows.unread))
