"""Errors as pages: what, where, what is allowed, and the next command. Never a traceback."""

from collections.abc import Awaitable, Callable

from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from compound.jobs.store.backend.files import DamagedError
from compound.jobs.wording.machine_errors import in_words
from compound.orchestrator.live.pages.page_templates import page
from compound.orchestrator.live.reading.last_known import NotReadYetError
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import (
    CompoundError,
    NewerSchemaError,
    SpecError,
    StoreError,
    UnknownError,
)

Handler = Callable[[Request], Awaitable[Response]]
_CODES: tuple[tuple[type[CompoundError], int], ...] = (
    (NotReadYetError, 503),
    (UnknownError, 404),
    (NewerSchemaError, 501),
    (DamagedError, 500),
    (StoreError, 503),
    (SpecError, 400),
)
"""The first that fits: not here, not read by this program, damaged, out of reach, a wrong URL."""


RETRY = "2"
"""Seconds after which a page asks again for what was out of reach, or is being read."""


def code_of(error: CompoundError) -> int:
    """Return the status code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 500)


def error_page(request: Request, error: CompoundError, code: int | None = None) -> Response:
    """Return an error as a page; for a URL of JSON as JSON, for htmx in place of a table."""
    code = code or code_of(error)
    if request.url.path.endswith(".json"):
        record = {
            "error": error.message,
            "where": error.where,
            "allowed": error.allowed,
            "next": error.next_step,
        }
        return _later(JSONResponse(record, code), code)
    templates: Environment = request.app.state.templates
    if "HX-Request" in request.headers:
        name = request.path_params.get("table", "studies")
        values = {"error": error, "name": name}
        return _later(page(templates, "part_error.html.j2", values, code), code)
    return _later(page(templates, "error.html.j2", {"error": error, "code": code}, code), code)


def _later(response: Response, code: int) -> Response:
    if code == 503:
        response.headers["Retry-After"] = RETRY
    return response


def in_sentences(handler: Handler) -> Handler:
    """Return a handler whose errors are pages."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except HTTPException as error:
            return not_answered(request, error)
        except NotReadYetError as error:
            return _again(request, error)
        except Exception as error:
            return error_page(request, _in_words(error))

    return answered


def _again(request: Request, error: NotReadYetError) -> Response:
    """Return for a part of a page what asks for it again; for anybody else 503."""
    if "HX-Request" not in request.headers:
        return error_page(request, error)
    templates: Environment = request.app.state.templates
    url = f"{request.url.path}?{request.url.query}"
    name = request.path_params.get("table", "studies")
    # Not 503, which browsers write to their consoles as an error of the page.
    return page(templates, "not_read_yet.html.j2", {"error": error, "url": url, "name": name})


def _in_words(error: Exception) -> CompoundError:
    if refused := in_words(error):
        return refused
    problem = f"internal error: {type(error).__name__}: {error}"
    return CompoundError(problem, next_step=command("dashboard", ("STORE",), debug=True))


def not_answered(request: Request, error: Exception) -> Response:
    """Return the page of what Starlette refuses: an unknown path, or a method."""
    code = error.status_code if isinstance(error, HTTPException) else 500
    sentence = {404: "there is no such page", 405: "this server only shows: GET"}
    problem = CompoundError(sentence.get(code, "the request cannot be answered"))
    return error_page(request, problem, code)
