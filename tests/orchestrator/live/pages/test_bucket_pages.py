"""The live page of a store in a bucket: all there, and never blocked by a slow one."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import s3fs

from tests.support.fault_proxy import Fault, Proxy, proxy_of
from tests.support.live_pages import Pages, page_client
from tests.support.page_stores import rehearsed

if TYPE_CHECKING:
    from tests.support.servers import Servers

pytestmark = pytest.mark.s3
FEW = ("name=small", "search.design.step=0.1", "search.seeds=1", "search.train.epochs=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study with made-up training, on disk."""
    return rehearsed(tmp_path_factory.mktemp("small"), *FEW)


@pytest.fixture
def bucket(reach: Callable[[str], str], folder: str) -> str:
    """The same study in a bucket."""
    uri = reach("moto")
    files = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    files.put(
        [str(path) for path in Path(folder).rglob("*") if path.is_file()],
        [f"{uri}/{path.relative_to(folder)}" for path in Path(folder).rglob("*") if path.is_file()],
    )
    return uri


@pytest.fixture
def proxy(servers: "Servers", monkeypatch: pytest.MonkeyPatch, bucket: str) -> Iterator[Proxy]:
    """What stands between the page and the bucket."""
    with proxy_of(servers.get("moto").endpoint) as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL", started.endpoint)
        yield started


def test_a_bucket_has_all_pages(bucket: str) -> None:
    with page_client(bucket) as pages:
        assert "small" in pages.read("/").text
        assert pages.read("/studies/small").status_code == 200
        assert pages.read("/studies/small/charts.json").json()["total"] > 1
        assert "done" in pages.read("/studies/small/tables/jobs.csv").text
        assert len(pages.read("/studies/small/files/metrics.parquet").content) > 1000
        assert pages.read("/studies/other").status_code == 404


def reading(pages: Pages, path: str, words: str) -> bool:
    """Ask until a page says some words; return whether all answers were without an error."""
    codes = set()
    for _ in range(600):
        answer = pages.get(path)
        codes.add(answer.status_code)
        if words in answer.text:
            return codes <= {200, 304}
        time.sleep(0.1)
    return False


def test_a_bucket_that_hangs_leaves_the_pages_as_they_were(bucket: str, proxy: Proxy) -> None:
    with page_client(bucket) as pages:
        assert pages.read("/studies/small").status_code == 200
        proxy.faults.append(Fault("delay", 10**9, seconds=30))
        assert reading(pages, "/studies/small/progress", "being read again")
        assert pages.get("/compare").status_code == 503, "the list was never read"
        assert pages.get("/session").status_code == 204, "the server answers"
        proxy.faults.clear()


def test_a_bucket_that_refuses_is_said_beside_what_was_known(bucket: str, proxy: Proxy) -> None:
    with page_client(bucket) as pages:
        assert pages.read("/studies/small").status_code == 200
        proxy.faults.append(Fault("answer", 10**9, status=403, code="AccessDenied"))
        assert reading(pages, "/studies/small/progress", "cannot be read now")
        refused = pages.read("/studies/other")
        assert refused.status_code == 503 and "Traceback" not in refused.text
        proxy.faults.clear()
