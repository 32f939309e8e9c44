"""What is particular to a store in a bucket: processes, signs of life, secrets, imports, exits."""

import multiprocessing
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend import s3_heartbeat
from compound.jobs.store.backend.open_files import files_at
from compound.jobs.store.backend.s3_files import S3Files
from compound.jobs.store.backend.s3_heartbeat import Timing
from compound.orchestrator.__main__ import main
from compound.schemas.errors import StoreError
from compound.schemas.store_uri import Bucket, bucket_of
from compound.schemas.study import SPEC
from tests.support.fault_proxy import proxy_of
from tests.support.forked import run_forked
from tests.support.servers import BUCKET, Server, Servers
from tests.support.store_samples import JOB, epochs_of, log, result, train

SECRET = "canary0123456789abcdef"
QUICK = Timing(renewed=0.3, dead=3.0)
needs_moto = pytest.mark.s3


@pytest.fixture
def uri(reach: Callable[[str], str]) -> str:
    return reach("moto")


@pytest.fixture
def moto(uri: str, servers: Servers) -> Server:
    return servers.get("moto")


def quick(uri: str) -> S3Files:
    bucket = bucket_of(uri)
    assert bucket is not None
    return S3Files(bucket, QUICK)


@pytest.mark.parametrize(
    ("address", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://my.bucket-1/a/b_c.d/", "my.bucket-1", "a/b_c.d"),
    ],
)
def test_addresses_have_one_spelling(address: str, bucket: str, prefix: str) -> None:
    assert bucket_of(address) == Bucket(bucket, prefix)
    assert bucket_of(Bucket(bucket, prefix).uri) == Bucket(bucket, prefix)
    assert bucket_of("runs") is None and bucket_of("/a/b") is None


@pytest.mark.parametrize(
    "address",
    [
        f"s3://key:{SECRET}@bucket/prefix",
        f"s3://bucket/prefix?secret={SECRET}",
        f"s3://bucket/a/../{SECRET}",
        f"s3://bucket//{SECRET}",
        f"gs://{SECRET}",
        f"https://key:{SECRET}@host/bucket",
        "s3://AKIA0123456789ABCDEF/x",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StoreError) as caught:
        ArtifactStore.open(address)
    spec = tmp_path / "spec.yaml"
    text = "kind: train\nname: x\ndata: {source: digits}\nbaseline: {name: resnet-18}\n"
    spec.write_text(f"{text}store: '{address}'\n")
    for words in (["validate", str(spec)], ["validate", str(spec), "--set", f"store='{address}'"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    text = f"{caught.value}{capsys.readouterr().err}"
    assert "environment" in text
    if "@" in address:
        assert SECRET not in text
    with pytest.raises(ValueError, match="environment"):
        SPEC.validate_python({"kind": "train", "name": "x", "store": address})


def test_what_does_not_use_s3_does_not_import_it() -> None:
    code = "import {}, sys; print([m for m in ('s3fs','botocore','aiohttp') if m in sys.modules])"
    modules = (
        "compound.orchestrator.cli.app",
        "compound.jobs.store.artifacts",
        "compound.orchestrator.spec.load",
    )
    command = [sys.executable, "-c", code.format(", ".join(modules))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@needs_moto
def test_nothing_that_travels_or_is_shown_has_a_secret(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    store = ArtifactStore.open(uri)
    texts = pickle.dumps(store) + repr((store._files, vars(store))).encode() + store.uri.encode()
    assert SECRET.encode() not in texts
    assert pickle.loads(pickle.dumps(store)).jobs() == []


@needs_moto
def test_only_what_lies_below_the_prefix_is_asked_for(
    uri: str, moto: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_of(moto.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        store = ArtifactStore.open(uri)
        with store.writer(JOB) as writer:
            train(writer, 1, 2)
            writer.finish(result(2))
        with store.study("quick").lease({}):
            store.study("quick").put_text("report.html", "x")
        assert store.state(JOB.id).status == "done" and store.studies() == ["quick"]
        paths = set(proxy.seen)
    assert {method for method, _ in paths} == {"GET", "PUT", "DELETE"}
    inside = uri.removeprefix("s3:/")
    assert all(path.startswith(f"{inside}/") or path == f"/{BUCKET}" for _, path in paths)
    assert {method for method, path in paths if path == f"/{BUCKET}"} == {"GET"}, "listings"


@needs_moto
def test_a_store_copied_to_a_folder_reads_the_same(uri: str, moto: Server, tmp_path: Path) -> None:
    store = ArtifactStore.open(uri)
    with store.writer(JOB) as writer:
        train(writer, 1, 2)
        log(writer, 3)
    for number in range(3):
        store._files.append_line("studies/quick/events.jsonl", b"%d" % number)
    prefix = uri.removeprefix(f"s3://{BUCKET}/")
    for key in moto.keys(prefix):
        path = tmp_path / key.removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(moto.client().get_object(Bucket=BUCKET, Key=key)["Body"].read())
    copied = ArtifactStore.open(str(tmp_path), create=False)
    assert copied.rows(JOB.id) == store.rows(JOB.id)
    assert copied._files.lines("studies/quick/events.jsonl") == [b"0", b"1", b"2"]


@needs_moto
def test_the_sign_of_life_of_another_machine_ends_by_its_age(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, near = quick(uri), quick(uri)
    with monkeypatch.context() as patch:
        patch.setattr(s3_heartbeat, "machine", lambda: "another")
        lock, stream = far.lock("s/lease.json", b"far"), far.stream("s/live")
    assert lock is not None
    time.sleep(QUICK.dead + 1)
    assert near.is_streaming("s/live") and near.holder("s/lease.json") == b"far", "renewed"
    lock._closing.set()  # as if its process had been killed
    stream._heartbeat._closing.set()
    time.sleep(QUICK.renewed)
    assert near.is_streaming("s/live")
    began = time.monotonic()
    lock = near.lock("s/lease.json", b"near")
    assert lock is not None and time.monotonic() - began < 3 * QUICK.dead
    assert near.holder("s/lease.json") == b"near"
    while near.is_streaming("s/live"):  # its last sign may have been a beat later than the lock's
        assert time.monotonic() - began < 3 * QUICK.dead
        time.sleep(0.1)
    lock.close()


def _in_child(files: S3Files, key: str) -> None:
    files.put({key: files.read("parent") or b"none"})
    files.append_line("s/events.jsonl", b"child")


@needs_moto
@pytest.mark.parametrize(("method", "children"), [("fork", 2), ("spawn", 1)])
def test_forked_and_spawned_processes_go_on(uri: str, method: str, children: int) -> None:
    files = files_at(uri)[0]
    files.put({"parent": b"1"})
    files.append_line("s/events.jsonl", b"parent")
    context = multiprocessing.get_context(method)
    for number in range(children):
        child = context.Process(target=_in_child, args=(files, f"child-{number}"))
        child.start()
        files.put({"beside": b"2"})
        child.join(60)
        assert child.exitcode == 0
        assert files.read(f"child-{number}") == b"1" and files.read("beside") == b"2"
    files.append_line("s/events.jsonl", b"parent again")
    assert sorted(files.lines("s/events.jsonl")) == [b"child"] * children + [
        b"parent",
        b"parent again",
    ]


LEAVER = """
import sys
import torch
from tests.support.store_samples import JOB, log, saved
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checkpoint import Position
writer = ArtifactStore.open(sys.argv[1]).writer(JOB)
log(writer, 1)
large = saved(1)._replace(model={"w": torch.zeros(6_000_000)})
writer.save_later(Position(1, 10), lambda: large)
ArtifactStore.open(sys.argv[1]).study("quick").lease({}).__enter__()
print("left", flush=True)
"""


@needs_moto
def test_a_process_ends_soon_and_with_its_uploads_done(uri: str) -> None:
    done = run_forked("-c", LEAVER, uri)
    assert done.stdout == "left\n"
    assert "Unclosed" not in done.stderr and "Exception" not in done.stderr, done.stderr
    store = ArtifactStore.open(uri)
    assert epochs_of(store) == [1] and store.state(JOB.id).status == "stopped"
    checkpoint = store.checkpoint(JOB.id)
    assert checkpoint is not None and checkpoint.model()["w"].numel() == 6_000_000
    with store.study("quick").lease({}):
        pass


@needs_moto
def test_who_may_have_been_taken_for_dead_is_told(
    uri: str, moto: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with proxy_of(moto.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        lock = quick(uri).lock("s/lease.json", b"me")
        assert lock is not None
        proxy.down_until = time.monotonic() + 1.5 * QUICK.dead
        time.sleep(2 * QUICK.dead)
        lock.close()
    assert caplog.text.count("may have taken this process for dead") == 1
