"""The published study behind the live page, without a network in between."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.live_pages import page_client
from tests.support.page_stores import published


@pytest.fixture(scope="session")
def published_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The published study of CIFAR-10, which nobody changes."""
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def client(published_store: str) -> Iterator[TestClient]:
    """A browser's requests to the pages of the published study."""
    with page_client(published_store) as opened:
        yield opened


@pytest.fixture
def pages_of() -> Iterator[Callable[[str | Path], TestClient]]:
    """Open the pages of a store."""
    opened = []

    def make(store: str | Path) -> TestClient:
        opened.append(page_client(str(store)))
        return opened[-1].__enter__()

    yield make
    for each in opened:
        each.__exit__(None, None, None)
