"""Charts as JSON: what figures.js draws, the same as in the report and those of the page alone."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from compound.orchestrator.live.charts.study_charts import Drawn, charts
from compound.orchestrator.live.listing.page_tables import CANDIDATES
from compound.orchestrator.live.listing.scores_so_far import with_scores
from compound.orchestrator.live.listing.table_query import TableQuery, parsed, selected
from compound.orchestrator.live.pages.study_requests import (
    reader_of,
    study_of,
    tagged,
    value_of,
    with_etag,
)
from compound.orchestrator.live.reading.last_known import NotReadYetError
from compound.schemas.errors import UnknownError

DRAWN = "what the charts are drawn from"


async def chart_data(request: Request) -> Response:
    """Return all charts under the filter of the URL, which is that of the table of candidates.

    `{"charts": {name: {"figure", "note"}}, "matched", "total"}`, the last two of networks. 202 with
    `{"reading": sentence}`: something of it is being read for the first time.
    """
    try:
        return await _drawn(request)
    except NotReadYetError as error:
        return JSONResponse({"reading": error.message}, 202)


async def _drawn(request: Request) -> Response:
    query = parsed("candidates", CANDIDATES, request.query_params.multi_items())
    state, _ = await study_of(request)
    reader = reader_of(request)
    networks, _ = value_of(await reader.networks(state.name), "the plan")
    latest, _ = value_of(await reader.drawn(state.name), DRAWN)

    async def made() -> Response:
        return JSONResponse(await run_in_threadpool(_filtered, latest.drawn, networks.table, query))

    return await tagged(request, f"{latest.revision} {networks.revision}", made)


def _filtered(drawn: Drawn, table: pa.Table, query: TableQuery) -> dict[str, Any]:
    if not query.narrowed:
        return _charts(drawn)
    rows = selected(with_scores(table, drawn.networks), query)
    return _charts(drawn, frozenset(rows["candidate"].to_pylist()))


def _charts(drawn: Drawn, matching: Collection[str] | None = None) -> dict[str, Any]:
    total = len(drawn.networks)
    matched = total
    if matching is not None:
        matched = sum(network.id in matching for network in drawn.networks)
    return {"charts": charts(drawn, matching), "matched": matched, "total": total}


async def figure_data(request: Request) -> Response:
    """Return a figure of the report. UnknownError: the study has none of that name."""
    state, _ = await study_of(request)
    latest, _ = value_of(await reader_of(request).drawn(state.name), DRAWN)
    figures, name = latest.drawn.figures, request.path_params["figure"]
    if name not in figures:
        has = ", ".join(figures) or "none yet"
        raise UnknownError(f"study {state.name} has no figure '{name[:40]}'", allowed=has)
    return with_etag(request, JSONResponse(figures[name].document()))
