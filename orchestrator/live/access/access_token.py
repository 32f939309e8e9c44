"""Who may look where others reach the server: who has its token.

The token is in no URL that is sent, so it is in no log, history or Referer (as Jupyter's was:
GHSA-c3mw-737p-c7g2, GHSA-r726-vmfq-j9j3). It stands behind the `#` of the printed URL; a script of
the page sends it once, as a header, and gets a cookie that no script can read. The cookie is made
from the token, so it ends with the server; no answer redirects anywhere.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = ("/static/", "/session")
"""Paths that say nothing of a store."""


def new_token() -> str:
    """Return 256 bits that nobody guesses."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Access:
    """The token of a server, and the cookie that stands for it."""

    token: str
    port: int

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies of one host are sent to all of its ports."""
        return f"compound_{self.port}"

    @property
    def session(self) -> str:
        """The cookie's value."""
        return hmac.new(self.token.encode(), b"compound dashboard", hashlib.sha256).hexdigest()

    def allows(self, request: HTTPConnection) -> bool:
        """Whether a request has the cookie or the token."""
        cookie = request.cookies.get(self.cookie, "")
        return hmac.compare_digest(cookie.encode(), self.session.encode()) or self.knows(request)

    def knows(self, request: HTTPConnection) -> bool:
        """Whether a request has the token itself, in `Authorization: Bearer`."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        right = hmac.compare_digest(token.strip().encode(), self.token.encode())
        return scheme.lower() == "bearer" and right

    def answer(self, request: Request) -> Response:
        """Return 204 to who may look, with the cookie; 403 to anybody else."""
        if not self.allows(request):
            return Response("not the token of this server\n", 403, media_type="text/plain")
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        secure = request.url.scheme == "https"
        response.set_cookie(
            self.cookie, self.session, httponly=True, samesite="strict", secure=secure
        )
        return response


class TokenRequired:
    """Answers only who may look; anybody else gets the page that asks for the token."""

    def __init__(self, app: ASGIApp, access: Access, login: Response) -> None:
        self.app, self._access, self._login = app, access, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_open = scope["type"] == "http" and scope["path"].startswith(_OPEN)
        if scope["type"] == "lifespan" or is_open or self._access.allows(HTTPConnection(scope)):
            await self.app(scope, receive, send)
            return
        await self._login(scope, receive, send)
