"""The studies of a store."""

from starlette.requests import Request
from starlette.responses import Response

from compound.orchestrator.forecast.budget_check import spent_text
from compound.orchestrator.live.pages.running_now import phase_left
from compound.orchestrator.live.pages.study_requests import (
    mark,
    reader_of,
    rendered,
    study_of,
    value_of,
)


async def studies_page(request: Request) -> Response:
    """Return the list of studies."""
    reader = reader_of(request)
    names, read = value_of(await reader.names(), "the store")
    mark = f"{[*names]} {read.mark}"
    values = {"names": names, "read": read, "store": reader.uri}
    return await rendered(request, "studies.html.j2", mark, **values)


async def study_row(request: Request) -> Response:
    """Return what the list says of a study: asked for when its place is scrolled into view."""
    state, read = await study_of(request)
    return await rendered(
        request,
        "study_row.html.j2",
        mark(state, read),
        study=state,
        read=read,
        left=phase_left(state),
        spent=spent_text(state.status.spec.budget, state.status.spent),
    )
