"""A reverse proxy before an S3 endpoint that fails on demand."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web
from yarl import URL

Kind = Literal["answer", "reset", "truncate", "halve", "delay", "lose the reply"]
"""`lose the reply`: the endpoint carries the request out, and nobody hears of it. `halve`: it shows
half of an object as if that were all, as some do while a PUT replaces it.
"""


@dataclass
class Fault:
    """What happens to the next requests that match."""

    kind: Kind
    times: float = 1
    match: Callable[[web.Request], bool] = lambda request: True
    status: int = 503
    code: str = "SlowDown"
    more: str = ""
    """Elements of the answer's XML."""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def takes(self, request: web.Request) -> bool:
        """Whether this request is one of those, and count it."""
        if self.times < 1 or not self.match(request):
            return False
        self.times -= 1
        return True


@dataclass
class Proxy:
    """A running proxy. `faults` may be changed at any time."""

    upstream: str
    endpoint: str = ""
    faults: list[Fault] = field(default_factory=list)
    down_until: float = 0.0
    """An outage until that time of time.monotonic(): every connection breaks."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of all requests, those that failed among them."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Fail as asked, or hand the request on and its answer back."""
        body = await request.read()
        self.seen.append((request.method, request.path))
        if time.monotonic() < self.down_until:
            return _broken(request)
        fault = next((fault for fault in self.faults if fault.takes(request)), None)
        if fault is None:
            return await self._forwarded(request, body)
        if fault.kind == "answer":
            return _answer(fault)
        if fault.kind == "reset":
            return _broken(request)
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            return await self._forwarded(request, body)
        answer = await self._forwarded(request, body)
        if fault.kind == "lose the reply":
            return _broken(request)
        return _halved(answer) if fault.kind == "halve" else await _cut(request, answer)

    async def _forwarded(self, request: web.Request, body: bytes) -> web.Response:
        url = URL(self.upstream + request.raw_path, encoded=True)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
        session = request.app[_SESSION]
        async with session.request(
            request.method, url, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            headers = {k: v for k, v in answer.headers.items() if k.lower() not in _PER_HOP}
            data = await answer.read()
            if request.method == "HEAD":
                headers["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.Response(status=answer.status, headers=headers, body=data)


_SESSION = web.AppKey("session", aiohttp.ClientSession)
_PER_HOP = {"content-length", "transfer-encoding", "connection", "content-encoding"}


def _broken(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _answer(fault: Fault) -> web.Response:
    text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>so it is</Message>"
    return web.Response(
        status=fault.status,
        text=f"{text}{fault.more}</Error>",
        content_type="application/xml",
        headers=fault.headers,
    )


def _halved(answer: web.Response) -> web.Response:
    data = answer.body if isinstance(answer.body, bytes) else b""
    return web.Response(status=answer.status, headers=answer.headers, body=data[: len(data) // 2])


async def _cut(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Announce the whole body, and send a half of it."""
    data = answer.body if isinstance(answer.body, bytes) else b""
    half = web.StreamResponse(status=answer.status, headers=answer.headers)
    half.content_length = len(data)
    await half.prepare(request)
    await half.write(data[: len(data) // 2])
    return _broken(request)


@contextmanager
def proxy_of(upstream: str) -> Iterator[Proxy]:
    """Run a proxy in a thread of its own."""
    proxy, started, ending = Proxy(upstream), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            app = web.Application(client_max_size=1 << 30)
            app[_SESSION] = session
            app.router.add_route("*", "/{path:.*}", proxy.handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            proxy.endpoint = f"http://127.0.0.1:{port}"
            loops.append(asyncio.get_running_loop())
            started.set()
            await ending.wait()
            await runner.cleanup()

    # asyncio.run cancels what still waits at the end, such as a delayed answer. Without that Python
    # prints "Task was destroyed but it is pending!" after the tests.
    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        loops[0].call_soon_threadsafe(ending.set)
        thread.join(10)
