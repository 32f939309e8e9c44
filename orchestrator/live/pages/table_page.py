"""The tables of a study: a page of rows as a fragment or as a page of its own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from compound.orchestrator.live.listing.page_tables import (
    CANDIDATES,
    FAMILY,
    JOBS,
)
from compound.orchestrator.live.listing.scores_so_far import with_scores
from compound.orchestrator.live.listing.table_query import Rows, TableQuery, page_of, parsed
from compound.orchestrator.live.pages.columns import COLUMNS
from compound.orchestrator.live.pages.study_requests import (
    Read,
    reader_of,
    rendered,
    study_of,
    value_of,
)
from compound.schemas.errors import UnknownError

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState

SCHEMAS: dict[str, pa.Schema] = {"jobs": JOBS, "candidates": CANDIDATES, "family": FAMILY}


@dataclass(frozen=True)
class StudyTable:
    """A table of a study, and what the URL asks of it."""

    study: "StudyState"
    read: Read
    name: str
    table: pa.Table
    query: TableQuery
    revision: str
    """What makes it another table."""


async def table_page(request: Request) -> Response:
    """Return a page of a table's rows: a fragment for htmx, for anybody else a page."""
    study_table = await asked_table(request)
    rows = await run_in_threadpool(page_of, study_table.table, study_table.query)
    fragment = "HX-Request" in request.headers
    template = "table_fragment.html.j2" if fragment else "table_page.html.j2"
    mark = f"{template} {study_table.revision} {study_table.read.mark}"
    return await rendered(request, template, mark, **_values(request, study_table, rows))


def _values(request: Request, study_table: StudyTable, rows: Rows) -> dict[str, object]:
    path = f"/studies/{study_table.study.name}"
    shared = table_values(request, rows, f"{path}/tables/{study_table.name}", path)
    return {**shared, "study": study_table.study, "read": study_table.read}


def table_values(request: Request, rows: Rows, path: str, around: str) -> dict[str, object]:
    """Return what the template of a table shows.

    `path`: of the table alone; `around`: of the page that it is a part of, if it is not alone.
    """
    name = rows.query.table
    other_parameters = [
        (key, value)
        for key, value in request.query_params.multi_items()
        if key.partition(".")[0] != name
    ]

    def link(query: TableQuery) -> str:
        return urlencode([*other_parameters, *query.parameters()])

    sort = [(f"{name}.sort", rows.query.sort)] if rows.query.sort else []
    current = urlsplit(request.headers.get("HX-Current-URL", str(request.url))).path
    return {
        "name": name,
        "rows": rows,
        "columns": COLUMNS[name],
        "path": path,
        "page": path if current == path else around,
        "link": link,
        "kept": [*other_parameters, *sort],
        "all_rows": TableQuery(name, sort=rows.query.sort, rows=rows.query.rows),
    }


async def asked_table(request: Request) -> StudyTable:
    """Return the table that a URL names, whole. UnknownError: a study has no such table."""
    name = request.path_params["table"]
    if name not in SCHEMAS:
        raise UnknownError(f"there is no table '{name[:40]}'", allowed=", ".join(SCHEMAS))
    query = parsed(name, SCHEMAS[name], request.query_params.multi_items())
    state, read = await study_of(request)
    if name != "candidates":
        table = await run_in_threadpool(getattr, state, f"{name}_table")
        return StudyTable(state, read, name, table, query, state.revision)
    reader = reader_of(request)
    networks, read = value_of(await reader.networks(state.name), f"the plan of {state.name}")
    # The charts may be read later than the table; without a verdict they know scores.
    latest = (await reader.drawn(state.name, first=0.0)).value
    drawn = latest.drawn.networks if latest else ()
    table = await run_in_threadpool(with_scores, networks.table, drawn)
    revision = f"{state.revision} {networks.revision} {latest and latest.revision}"
    return StudyTable(state, read, name, table, query, revision)
