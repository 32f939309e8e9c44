"""Requests to the live page of a store."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from httpx2 import Response
from starlette.testclient import TestClient

from compound.orchestrator.live.access.access_token import Access
from compound.orchestrator.live.dashboard_app import dashboard_app
from compound.orchestrator.live.reading.store_reader import StoreReader

HOSTS = ["127.0.0.1", "localhost", "[::1]"]
STUDY = "/studies/cifar10-published"
_PATIENCE = 60.0


class Pages(TestClient):
    """A client that asks again while something is read for the first time, as the page does."""

    def read(self, path: str, **headers: str) -> Response:
        """Return the answer to a GET once it is no longer being read."""
        until = time.monotonic() + _PATIENCE
        while True:
            answer = self.get(path, headers=headers, follow_redirects=False)
            reading = answer.status_code in (202, 503) and "being read" in answer.text
            if not reading or time.monotonic() > until:
                return answer
            time.sleep(0.05)


@contextmanager
def page_client(store: str, access: Access | None = None) -> Iterator[Pages]:
    """Open the pages of a store, as at http://127.0.0.1."""
    with closing(StoreReader(store)) as reader:
        app = dashboard_app(reader, HOSTS, access)
        with Pages(app, base_url="http://127.0.0.1", raise_server_exceptions=True) as client:
            yield client
