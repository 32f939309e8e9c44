"""The studies of a store."""

from starlette.requests import Request
from starlette.responses import Response

from compound.orchestrator.live.pages.study_requests import reader_of, rendered, value_of


async def studies_page(request: Request) -> Response:
    """Return the list of studies."""
    reader = reader_of(request)
    names, read = value_of(await reader.names(), "the store")
    mark = f"{[*names]} {read.mark}"
    values = {"names": names, "read": read, "store": reader.uri}
    return await rendered(request, "studies.html.j2", mark, **values)
