"""`compound dashboard`: the live page of a store."""

import webbrowser

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.output import say
from compound.orchestrator.live.web_server import Endpoint, serve
from compound.schemas.store_uri import bucket_of


def dashboard(uri: str, endpoint: Endpoint, *, browse: bool) -> None:
    """Serve the pages of a store until Ctrl-C; the address is printed first.

    StoreError: there is no such store; MachineError: the port is taken.
    """
    if not _is_bucket(uri):
        ArtifactStore.open(uri, create=False)

    def ready(url: str) -> None:
        say(f"{url}", "Stop it with Ctrl-C. It only reads the store.")
        if browse:
            webbrowser.open(url)

    serve(uri, endpoint, ready)


def _is_bucket(uri: str) -> bool:
    """Whether a store may answer slowly: a page then says what it says."""
    try:
        return bucket_of(uri) is not None
    except ValueError:
        return False
