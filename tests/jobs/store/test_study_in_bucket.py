"""A whole study in a bucket, from the command line; and one whose driver is killed."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.back_ends import LONG
from tests.support.command import compound
from tests.support.forked import Forked, forked
from tests.support.servers import BUCKET, Servers
from tests.support.small_study import SPEC

pytestmark = [pytest.mark.s3, pytest.mark.timeout(600)]

needs_time = pytest.mark.skipif(not LONG, reason="`make test-s3` runs it")

SECRET = "canary0123456789abcdef"


@pytest.fixture
def uri(reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> str:
    address = reach("moto")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return address


@pytest.fixture
def spec(uri: str, tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=uri, epochs=2))
    return path


def test_a_study_lives_in_a_bucket(spec: Path, uri: str, tmp_path: Path, servers: Servers) -> None:
    ran = compound("run", str(spec), "--runner", "local", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    summary = json.loads(ran.stdout.splitlines()[-1])
    assert summary["store"] == uri and summary["status"] == "done"
    assert summary["report"] == f"{uri}/studies/small/report.html"
    at = ("small", "--store", uri)
    status = compound("status", *at, "--json", cwd=tmp_path)
    assert json.loads(status.stdout)["counts"] == {"done": 9}
    metrics = compound("metrics", *at, cwd=tmp_path)
    assert metrics.stdout.count("\n") > 100
    report = compound("report", *at, "-o", "small.html", cwd=tmp_path)
    assert report.stdout == "small.html\n" and "<html" in (tmp_path / "small.html").read_text()
    report = compound("report", *at, cwd=tmp_path)
    assert report.stdout == f"{summary['report']}\n" and "-o small.html" in report.stderr
    verify = compound("verify", "--store", uri, cwd=tmp_path)
    assert "all as they were written" in verify.stdout
    again = compound("run", str(spec), "--runner", "local", "--json", cwd=tmp_path)
    assert json.loads(again.stdout.splitlines()[-1])["verdict"] == summary["verdict"]
    moto = servers.get("moto").client()
    keys = servers.get("moto").keys(uri.removeprefix(f"s3://{BUCKET}/"))
    stored = [moto.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    runs = (ran, status, metrics, report, verify, again)
    printed = [text.encode() for run in runs for text in (run.stdout, run.stderr)]
    assert not [text for text in (*stored, *printed) if SECRET.encode() in text]
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml", "small.html"}


@needs_time
def test_a_rehearsal_leaves_nothing_in_the_bucket(
    spec: Path, uri: str, tmp_path: Path, servers: Servers
) -> None:
    ran = compound("run", str(spec), "--runner", "local", "--fast-dev-run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert servers.get("moto").keys(uri.removeprefix(f"s3://{BUCKET}/")) == []
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml"}


@needs_time
def test_a_killed_driver_is_followed_by_another(spec: Path, uri: str, tmp_path: Path) -> None:
    with forked("compound", "run", str(spec), "--runner", "local") as first:
        store = _begun(uri, first)
        busy = compound("run", str(spec), "--runner", "local", cwd=tmp_path)
        assert busy.returncode == 2 or first.poll() is not None
        first.send_signal(signal.SIGKILL)
        first.wait()
    again = compound("run", str(spec), "--runner", "local", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    for job in store.jobs():
        assert [row.epoch for row in store.rows(job)] == [1, 2]
    assert {state.status for state in store.states(store.jobs()).values()} == {"done"}


def _begun(uri: str, driver: Forked) -> ArtifactStore:
    """Wait until a driver has begun its first jobs."""
    store = ArtifactStore.open(uri)
    deadline = time.monotonic() + 300
    while not store.jobs():
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.2)
    return store
