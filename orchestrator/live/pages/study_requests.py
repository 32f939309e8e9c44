"""What the pages of studies share: the study that a URL names, and answers with ETags."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from compound.jobs.store.format.file_kinds import STUDY_NAME
from compound.orchestrator.live.pages.page_templates import page, static_version
from compound.orchestrator.live.reading.last_known import NotReadYetError, Snapshot
from compound.schemas.errors import CompoundError, UnknownError

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.store_reader import StoreReader
    from compound.orchestrator.live.reading.study_state import StudyState

V = TypeVar("V")
LATE = 5.0
"""Seconds of reading from which on a page says that the store is slow."""


@dataclass(frozen=True)
class Read:
    """A value for a page, and what the page says of its age."""

    read: float
    """When it was read, in seconds since 1970."""
    reading: float
    """For how many seconds it is being read again by now; 0: it is not."""
    trouble: CompoundError | None
    """Why it cannot be read again."""

    @property
    def mark(self) -> str:
        """What of it makes a page another one: not its age, but that it cannot be read."""
        return f"{self.trouble} {self.reading > LATE}"


def reader_of(request: Request) -> "StoreReader":
    """Return the reader of the server's store."""
    reader: StoreReader = request.app.state.reader
    return reader


def value_of(snapshot: Snapshot[V], subject: str) -> tuple[V, Read]:
    """Return a value and its age.

    NotReadYetError: it is being read for the first time; CompoundError: it cannot be read.
    """
    if snapshot.value is not None:
        return snapshot.value, Read(snapshot.read, snapshot.reading, snapshot.error)
    if snapshot.error and not snapshot.reading:
        raise snapshot.error
    raise NotReadYetError(
        f"{subject} is being read for the first time, for {snapshot.reading:.0f} s so far"
    )


async def study_of(request: Request) -> "tuple[StudyState, Read]":
    """Return the study that a URL names. UnknownError: there is none of that name."""
    return await study_named(request, request.path_params["study"])


async def study_named(request: Request, name: str) -> "tuple[StudyState, Read]":
    """Return a study by its name. Errors as of `value_of`; UnknownError: there is none."""
    reader = reader_of(request)
    if not STUDY_NAME.fullmatch(name):
        raise UnknownError(f"no study is called '{name[:100]}'", where=reader.uri)
    return value_of(await reader.state(name), f"study {name}")


def mark(state: "StudyState", read: Read) -> str:
    """Return what makes a page of a study another one."""
    return f"{state.revision} {read.mark}"


async def rendered(request: Request, template: str, revision: str, **values: Any) -> Response:
    """Return a template as a page, with an ETag; 304 where the browser has just that.

    `revision`: of all that the values are made from, but for their age.
    """
    templates = request.app.state.templates
    return await tagged(
        request, revision, lambda: run_in_threadpool(page, templates, template, values)
    )


async def tagged(
    request: Request, revision: str, make: Callable[[], Awaitable[Response]]
) -> Response:
    """Return what is made, with an ETag; 304, and nothing is made, where the browser has it."""
    etag = _etag(f"{request.url.query} {revision}")
    return _unchanged(request, etag) or _tagged(await make(), etag)


def with_etag(request: Request, response: Response) -> Response:
    """Return an answer with an ETag of its content; 304 where the browser has just that."""
    etag = _etag(bytes(response.body).decode())
    return _unchanged(request, etag) or _tagged(response, etag)


def _etag(text: str) -> str:
    digest = hashlib.sha256(f"{static_version()} {text}".encode()).hexdigest()
    return f'"{digest[:20]}"'


def _unchanged(request: Request, etag: str) -> Response | None:
    tags = request.headers.get("If-None-Match", "").split(",")
    if etag not in [tag.strip().removeprefix("W/") for tag in tags]:
        return None
    return _tagged(Response(status_code=304), etag)


def _tagged(response: Response, etag: str) -> Response:
    response.headers["ETag"], response.headers["Vary"] = etag, "HX-Request, Cookie"
    return response
