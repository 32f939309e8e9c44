"""`compound dashboard`: the live page of a store."""

import webbrowser
from contextlib import closing

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.output import say
from compound.orchestrator.live.listening import Endpoint, access_of, listening, url_of
from compound.schemas.store_uri import bucket_of


def dashboard(uri: str, endpoint: Endpoint, *, browse: bool) -> None:
    """Serve the pages of a store until Ctrl-C; the address is printed first.

    StoreError: there is no such store; MachineError: the port is taken.
    """
    if not _is_bucket(uri):
        ArtifactStore.open(uri, create=False)
    with closing(listening(endpoint, uri)) as bound:
        access = access_of(endpoint, bound)
        url = url_of(endpoint, bound, access)
        say(url, "Stop it with Ctrl-C. It only reads the store.")
        if browse:
            webbrowser.open(url)
        # After the address, which answers from now on: statistics take a second to import.
        from compound.orchestrator.live.web_server import serve

        serve(uri, endpoint, bound, access)


def _is_bucket(uri: str) -> bool:
    """Whether a store may answer slowly: then its pages say what is wrong with it."""
    try:
        return bucket_of(uri) is not None
    except ValueError:
        return False
