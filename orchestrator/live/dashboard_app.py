"""The live page as an ASGI application: its routes, and what guards them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from compound.orchestrator.live.access.access_token import Access, TokenRequired
from compound.orchestrator.live.access.page_headers import PageHeaders
from compound.orchestrator.live.pages.comparison_page import comparison_page
from compound.orchestrator.live.pages.download import download_shown, download_stored
from compound.orchestrator.live.pages.error_page import Handler, in_sentences, not_answered
from compound.orchestrator.live.pages.figure_data import chart_data, figure_data
from compound.orchestrator.live.pages.job_page import job_curves, job_page
from compound.orchestrator.live.pages.page_templates import (
    STATIC,
    environment,
    page,
    static_version,
)
from compound.orchestrator.live.pages.studies_page import studies_download, studies_page
from compound.orchestrator.live.pages.study_page import progress, study_page
from compound.orchestrator.live.pages.table_page import table_page

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.store_reader import StoreReader

_SMALLEST = 1_000
"""Bytes from which on an answer is compressed."""
_PAGES: Sequence[tuple[str, Handler]] = (
    ("/", studies_page),
    ("/tables/studies.{suffix}", studies_download),
    ("/tables/studies", studies_page),
    ("/compare", comparison_page),
    ("/studies/{study}", study_page),
    ("/studies/{study}/progress", progress),
    ("/studies/{study}/charts.json", chart_data),
    ("/studies/{study}/figures/{figure}.json", figure_data),
    ("/studies/{study}/tables/{table}.{suffix}", download_shown),
    ("/studies/{study}/tables/{table}", table_page),
    ("/studies/{study}/files/{table}.{suffix}", download_stored),
    ("/studies/{study}/jobs/{job}", job_page),
    ("/studies/{study}/jobs/{job}/curves.json", job_curves),
)
"""Every page; docs/how-to/watch.md says what they show."""


class _StaticFiles(StaticFiles):
    """Files of the package, under a URL with a hash of all of them: browsers may keep them."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def dashboard_app(
    reader: "StoreReader", hosts: Sequence[str], access: Access | None = None
) -> Starlette:
    """Return the application of a store's pages.

    `hosts`: the names that browsers may call it by; `access`: the token that they need, None for a
    server that only this machine reaches.
    """
    templates = environment()
    login = page(templates, "login.html.j2", {}, 401)
    login.headers["WWW-Authenticate"] = "Bearer"

    async def session(request: Request) -> Response:
        return access.answer(request) if access else Response(status_code=204)

    guards = [
        Middleware(PageHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(GZipMiddleware, minimum_size=_SMALLEST),
    ]
    if access:
        guards.append(Middleware(TokenRequired, access=access, login=login))
    files = [
        Mount(f"/static/{static_version()}/{name}", _StaticFiles(directory=folder))
        for name, folder in STATIC.items()
    ]
    pages = [Route(path, in_sentences(handler)) for path, handler in _PAGES]
    app = Starlette(
        routes=[Route("/session", session), *files, *pages],
        middleware=guards,
        exception_handlers={404: not_answered, 405: not_answered},
    )
    app.state.reader, app.state.templates = reader, templates
    return app
