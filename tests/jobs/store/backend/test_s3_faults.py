"""An endpoint that fails, breaks off, loses replies or is gone: nothing acknowledged is lost."""

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.open_files import files_at
from compound.schemas.errors import StoreError
from tests.support.back_ends import LONG
from tests.support.fault_proxy import Fault, Proxy, proxy_of
from tests.support.servers import BUCKET, Servers
from tests.support.store_samples import (
    JOB,
    epochs_of,
    job,
    keys_of,
    log,
    result,
    row,
    save,
    train,
    whole,
)

pytestmark = pytest.mark.s3

PATIENCE_S = 2.0
ALWAYS = 10**6


@pytest.fixture(params=["moto", "swift"] if LONG else ["moto"])
def proxy(
    request: pytest.FixtureRequest,
    reach: Callable[[str], str],
    servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Proxy]:
    reach(request.param)
    with proxy_of(servers.get(request.param).endpoint) as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL", started.endpoint)
        yield started


@pytest.fixture
def uri(proxy: Proxy) -> str:
    return f"s3://{BUCKET}/{os.urandom(4).hex()}"


def sound(store: ArtifactStore, epochs: int) -> None:
    """Every row once, one part, the last checkpoint whole, and every checksum right."""
    assert epochs_of(store) == list(range(1, epochs + 1))
    assert len(keys_of(store, "*.parquet")) == 1
    assert whole(store.checkpoint(JOB.id), epochs)
    assert not store.audit(store.jobs(), []).damaged


def sometimes(share: float) -> Callable[[object], bool]:
    chance = random.Random(7)
    return lambda request: chance.random() < share


BURSTS = {
    "500": Fault("answer", ALWAYS, sometimes(0.2), 500, "InternalError"),
    "503": Fault("answer", ALWAYS, sometimes(0.2), 503, "SlowDown"),
    "429": Fault("answer", ALWAYS, sometimes(0.2), 429, "TooManyRequests"),
    "reset": Fault("reset", ALWAYS, sometimes(0.2)),
    "cut": Fault("truncate", ALWAYS, sometimes(0.2)),
    "lost": Fault("lose the reply", ALWAYS, sometimes(0.2)),
    "slow": Fault("delay", ALWAYS, sometimes(0.2), seconds=0.3),
}


@pytest.mark.parametrize("kind", BURSTS)
def test_no_burst_of_faults_loses_or_doubles_anything(proxy: Proxy, uri: str, kind: str) -> None:
    store = ArtifactStore.open(uri)
    proxy.faults = [BURSTS[kind]]
    with store.writer(JOB) as writer:
        train(writer, 1, 2, 3)
        writer.finish(result(3))
    study = store.study("quick")
    with study.lease({}):
        study.put_text("report.html", "x")
    sound(store, 3)
    proxy.faults = []
    assert store.studies() == ["quick"]
    sound(store, 3)


def test_the_same_part_is_put_again_where_the_reply_was_lost(proxy: Proxy, uri: str) -> None:
    store = ArtifactStore.open(uri)
    put = lambda request: request.method == "PUT" and request.path.endswith(".parquet")  # noqa: E731
    with store.writer(JOB) as writer:
        log(writer, 1)
        proxy.faults = [Fault("lose the reply", 2, put)]
        save(writer, 1)
    puts = [path for method, path in proxy.seen if method == "PUT" and path.endswith(".parquet")]
    assert len(puts) == 3 and len(set(puts)) == 1
    sound(store, 1)


def test_a_reply_lost_after_the_last_part_is_found_out(
    proxy: Proxy, uri: str, servers: Servers
) -> None:
    files = files_at(uri)[0]
    data = random.Random(2).randbytes(17 << 20)
    joined = lambda request: request.method == "POST" and "uploadId" in request.query  # noqa: E731
    proxy.faults = [Fault("lose the reply", 1, joined)]
    files.put({"large": data})
    assert files.read("large") == data


def test_an_upload_that_fails_is_given_up(
    proxy: Proxy, uri: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOUND_S3_PATIENCE", "6")
    files = files_at(uri)[0]
    third = lambda request: request.query.get("partNumber") == "3"  # noqa: E731
    proxy.faults = [Fault("answer", ALWAYS, third, 500, "InternalError")]
    with pytest.raises(StoreError, match=r"500 InternalError again and again"):
        files.put({"large": bytes(40 << 20)})
    proxy.faults = []
    assert files.read("large") is None
    client = next(server for server in servers.all() if server.endpoint == proxy.upstream).client()
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)


def test_a_cut_answer_is_asked_for_again(proxy: Proxy, uri: str) -> None:
    files, data = files_at(uri)[0], os.urandom(100_000)
    files.put({"file": data})
    proxy.faults = [Fault("truncate", 3, lambda request: request.method == "GET")]
    assert files.read("file") == data
    buffer = bytearray(50_000)
    proxy.faults = [Fault("truncate", 2, lambda request: request.method == "GET")]
    assert files.read_into("file", 25_000, memoryview(buffer)) == 50_000
    assert buffer == data[25_000:75_000]


def get(request: web.Request) -> bool:
    return request.method == "GET"


def test_what_is_half_replaced_is_asked_for_again(proxy: Proxy, uri: str) -> None:
    files = files_at(uri)[0]
    files.put({"file": b"whole"})
    files.append_line("s/events.jsonl", b"a whole line")
    for read, whole_one in (
        (lambda: files.read("file"), b"whole"),
        (lambda: files.lines("s/events.jsonl"), [b"a whole line"]),
    ):
        inside = lambda request: get(request) and "list-type" not in request.query  # noqa: E731
        proxy.faults = [Fault("halve", 2, inside)]
        assert read() == whole_one
        assert proxy.faults[0].times == 0


def test_what_stays_damaged_is_given_out_soon(proxy: Proxy, uri: str) -> None:
    files = files_at(uri)[0]
    files.put({"file": b"whole"})
    proxy.faults = [Fault("halve", ALWAYS, get)]
    began = time.monotonic()
    assert files.read("file") == b"wh"
    assert time.monotonic() - began < 5


def outage(proxy: Proxy, uri: str, seconds: float) -> None:
    """Log and save through an outage that patience outlasts."""
    store = ArtifactStore.open(uri)
    with store.writer(JOB) as writer:
        train(writer, 1)
        began = time.monotonic()
        proxy.down_until = began + seconds
        log(writer, 2)
        assert time.monotonic() - began >= seconds
        save(writer, 2)
        proxy.down_until = time.monotonic() + seconds
        train(writer, 3)
        writer.finish(result(3))
    sound(store, 3)
    assert store.rows(JOB.id) == [row(epoch) for epoch in (1, 2, 3)]


def test_a_short_outage_is_waited_out(proxy: Proxy, uri: str) -> None:
    outage(proxy, uri, 2)


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="takes minutes: `make test-s3` runs it")
def test_an_outage_of_half_a_minute_is_waited_out(proxy: Proxy, uri: str) -> None:
    outage(proxy, uri, 30)


def test_nobody_waits_longer_than_the_limit(
    proxy: Proxy, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOUND_S3_PATIENCE", str(PATIENCE_S))
    store = ArtifactStore.open(uri)
    with store.writer(JOB) as writer:
        train(writer, 1)
        proxy.down_until = time.monotonic() + 3600
        for call in (lambda: log(writer, 2), lambda: save(writer, 1), lambda: store.rows(JOB.id)):
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"cannot (read|write|list)"):
                call()
            assert time.monotonic() - began < 3 * PATIENCE_S
        proxy.down_until = 0.0
    assert epochs_of(store) == [1], "what was acknowledged is there, what was not is not"
    with store.writer(JOB) as second:
        assert whole(second.resume(), 1)
        train(second, 2)
        second.finish(result(2, attempt=2))
    sound(store, 2)


def test_an_outage_uses_up_patience_once(
    proxy: Proxy, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOUND_S3_PATIENCE", "6")
    files = files_at(uri)[0]
    proxy.down_until = time.monotonic() + 3600
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(StoreError):
            files.read("a")
    assert time.monotonic() - began < 6 + 2 * 5 + 3


def test_many_writers_through_faults_of_all_kinds(proxy: Proxy, uri: str) -> None:
    store = ArtifactStore.open(uri)
    chance = random.Random(3)
    proxy.faults = [
        Fault(burst.kind, ALWAYS, lambda _: chance.random() < 0.04, burst.status, burst.code)
        for burst in BURSTS.values()
        if burst.kind != "delay"
    ]

    def write(seed: int) -> None:
        of = job(seed)
        with ArtifactStore.open(uri, patient=True).writer(of) as writer:
            for epoch in (1, 2):
                writer.log(row(epoch, of=of))
            save(writer, 2)
            writer.finish(result(2, of=of))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    proxy.faults = []
    assert store.metrics(store.jobs()).num_rows == 8 * 2 * 2
    for seed in range(8):
        assert store.rows(job(seed).id) == [row(epoch, of=job(seed)) for epoch in (1, 2)]
    assert not store.audit(store.jobs(), []).damaged
