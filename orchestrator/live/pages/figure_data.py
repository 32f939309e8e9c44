"""Figures as JSON: plotly's `data` and `layout`, the same as in the report."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from compound.orchestrator.live.pages.study_requests import (
    reader_of,
    study_of,
    value_of,
    with_etag,
)
from compound.schemas.errors import UnknownError


async def figure_names(request: Request) -> Response:
    """Return the names of the figures that a study has."""
    state, _ = await study_of(request)
    drawn, read = value_of(await reader_of(request).figures(state.name), "what is drawn")
    return with_etag(request, JSONResponse({"figures": [*drawn.drawn], "read": read.read}))


async def figure_data(request: Request) -> Response:
    """Return a figure. UnknownError: the study has none of that name."""
    state, _ = await study_of(request)
    drawn, _ = value_of(await reader_of(request).figures(state.name), "what is drawn")
    name = request.path_params["figure"]
    if name not in drawn.drawn:
        has = ", ".join(drawn.drawn) or "none yet"
        raise UnknownError(f"study {state.name} has no figure '{name[:40]}'", allowed=has)
    return with_etag(request, Response(drawn.drawn[name], media_type="application/json"))
