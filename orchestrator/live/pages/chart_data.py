"""All charts of a study as JSON, for the filter that the URL has."""

import json
from typing import Any

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from compound.orchestrator.live.charts.study_charts import Drawn, charts
from compound.orchestrator.live.listing.page_tables import CANDIDATES
from compound.orchestrator.live.listing.table_query import TableQuery, parsed, selected
from compound.orchestrator.live.pages.study_requests import (
    reader_of,
    study_of,
    tagged,
    value_of,
)


async def chart_data(request: Request) -> Response:
    """Return `charts` by name, each with `figure` and `note`; `matched` of `total` networks.

    The filter is that of the table of candidates.
    """
    query = parsed("candidates", CANDIDATES, request.query_params.multi_items())
    state, _ = await study_of(request)
    reader = reader_of(request)
    networks, _ = value_of(await reader.networks(state.name), "the plan of the study")
    drawing, _ = value_of(await reader.drawing(state.name), "what is drawn of the study")
    mark = f"{id(networks)} {id(drawing)} {query}"

    async def made() -> Response:
        body = await run_in_threadpool(_charts, drawing.drawn, networks.table, query)
        return Response(body, media_type="application/json")

    return await tagged(request, mark, made)


def _charts(drawn: Drawn, table: pa.Table, query: TableQuery) -> str:
    matching = set(selected(table, query)["candidate"].to_pylist()) if query.narrowed else None
    total = len(set(table["candidate"].to_pylist()))
    record: dict[str, Any] = {
        "charts": charts(drawn, matching),
        "matched": total if matching is None else len(matching),
        "total": total,
    }
    return json.dumps(record, allow_nan=False)
