"""Where the live page is served: its socket, its address and its token."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from compound.orchestrator.live.access.access_token import Access, new_token
from compound.orchestrator.live.access.trusted_names import in_url, is_loopback
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import MachineError

_NEXT = 50
"""Ports that are tried to name one that is free."""


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0: any that is free."""
    names: Sequence[str] = ()
    """By which a proxy calls it."""
    token: bool = False
    """Whether it asks for a token although only this machine reaches it."""


def listening(endpoint: Endpoint, store: str) -> socket.socket:
    """Return the socket of a server.

    MachineError: the port is taken, with one that is free; or there is no such address.
    """
    try:
        return _bound(endpoint.host, endpoint.port)
    except OSError as error:
        raise _refused(endpoint, store, error) from None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A server that has just ended leaves its port in TIME_WAIT for a minute.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def _refused(endpoint: Endpoint, store: str, error: OSError) -> MachineError:
    problem = f"cannot listen on {in_url(endpoint.host)}:{endpoint.port}: {error.strerror or error}"
    free = _free(endpoint)
    host = None if endpoint.host == Endpoint.host else endpoint.host
    step = command("dashboard", help=True)
    if free:
        step = command("dashboard", (store,), host=host, port=free, token=endpoint.token)
    allowed = "a port from 1024 to 65535 that no other program has, and an address of this machine"
    return MachineError(problem, allowed=allowed, next_step=step)


def _free(endpoint: Endpoint) -> int | None:
    """Return the next port that is free; None: none is, or the address is wrong."""
    for port in range(max(endpoint.port, 1023) + 1, min(endpoint.port + _NEXT, 65536)):
        try:
            _bound(endpoint.host, port).close()
        except OSError:
            continue
        return port
    return None


def url_of(endpoint: Endpoint, bound: socket.socket, access: Access | None) -> str:
    """Return the URL to open; the token stands behind its `#`, which no browser sends."""
    everywhere = endpoint.host in ("0.0.0.0", "::")  # noqa: S104
    host = socket.gethostname() if everywhere else endpoint.host
    fragment = f"#token={access.token}" if access else ""
    return f"http://{in_url(host)}:{bound.getsockname()[1]}/{fragment}"


def access_of(endpoint: Endpoint, bound: socket.socket) -> Access | None:
    """Return a new token, where others than this machine reach a server or it asks for one."""
    if is_loopback(endpoint.host) and not endpoint.token:
        return None
    return Access(new_token(), bound.getsockname()[1])
