"""The server of the live page."""

import socket
from contextlib import closing

import uvicorn

from compound.orchestrator.live.access.access_token import Access
from compound.orchestrator.live.access.trusted_names import trusted_names
from compound.orchestrator.live.dashboard_app import dashboard_app
from compound.orchestrator.live.listening import Endpoint
from compound.orchestrator.live.reading.store_reader import StoreReader

_GRACE = 2
"""Seconds that answers have to end in, when the server is stopped: a download may be long."""


def serve(uri: str, endpoint: Endpoint, bound: socket.socket, access: Access | None) -> None:
    """Serve the pages of a store until a signal, which is raised again once answers have ended."""
    with closing(StoreReader(uri)) as reader:
        app = dashboard_app(reader, trusted_names(endpoint.host, endpoint.names), access)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            lifespan="off",
            ws="none",
        )
        uvicorn.Server(config).run(sockets=[bound])
