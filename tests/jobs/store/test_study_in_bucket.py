"""A whole study in a bucket, from the command line; and one whose driver is killed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.back_ends import LONG
from tests.support.command import compound
from tests.support.servers import BUCKET, Servers
from tests.support.small_study import SPEC

pytestmark = [pytest.mark.s3, pytest.mark.timeout(600)]

needs_time = pytest.mark.skipif(not LONG, reason="`make test-s3` runs it")

SECRET = "canary0123456789abcdef"


@pytest.fixture
def place(reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> str:
    address = reach("moto")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return address


@pytest.fixture
def spec(place: str, tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=place, epochs=2))
    return path


def test_a_study_lives_in_a_bucket(
    spec: Path, place: str, tmp_path: Path, servers: Servers
) -> None:
    ran = compound("run", str(spec), "--runner", "local", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["store"] == place and told["status"] == "done"
    assert told["report"] == f"{place}/studies/small/report.html"
    at = ("small", "--store", place)
    status = compound("status", *at, "--json", cwd=tmp_path)
    assert json.loads(status.stdout)["counts"] == {"done": 9}
    metrics = compound("metrics", *at, cwd=tmp_path)
    assert metrics.stdout.count("\n") > 100
    report = compound("report", *at, "-o", "small.html", cwd=tmp_path)
    assert report.stdout == "small.html\n" and "<html" in (tmp_path / "small.html").read_text()
    report = compound("report", *at, cwd=tmp_path)
    assert report.stdout == f"{told['report']}\n" and "-o small.html" in report.stderr
    verify = compound("verify", "--store", place, cwd=tmp_path)
    assert "all as they were written" in verify.stdout
    again = compound("run", str(spec), "--runner", "local", "--json", cwd=tmp_path)
    assert json.loads(again.stdout.splitlines()[-1])["verdict"] == told["verdict"]
    moto = servers.get("moto").client()
    keys = servers.get("moto").keys(place.removeprefix(f"s3://{BUCKET}/"))
    stored = [moto.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    runs = (ran, status, metrics, report, verify, again)
    shown = [text.encode() for one in runs for text in (one.stdout, one.stderr)]
    assert not [text for text in (*stored, *shown) if SECRET.encode() in text]
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml", "small.html"}


@needs_time
def test_a_rehearsal_leaves_nothing_in_the_bucket(
    spec: Path, place: str, tmp_path: Path, servers: Servers
) -> None:
    ran = compound("run", str(spec), "--runner", "local", "--fast-dev-run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert servers.get("moto").keys(place.removeprefix(f"s3://{BUCKET}/")) == []
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml"}


@needs_time
def test_a_killed_driver_is_followed_by_another(spec: Path, place: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "compound", "run", str(spec), "--runner", "local"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        store = _begun(place, first)
        busy = compound("run", str(spec), "--runner", "local", cwd=tmp_path)
        assert busy.returncode == 2 or first.poll() is not None
        first.send_signal(signal.SIGKILL)
    finally:
        first.kill()
        first.wait()
    again = compound("run", str(spec), "--runner", "local", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    for job in store.jobs():
        assert [row.epoch for row in store.rows(job)] == [1, 2]
    assert {state.status for state in store.states(store.jobs()).values()} == {"done"}


def _begun(place: str, driver: "subprocess.Popen[bytes]") -> ArtifactStore:
    """Wait until a driver has begun its first jobs."""
    store = ArtifactStore.open(place)
    deadline = time.monotonic() + 300
    while not store.jobs():
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.2)
    return store
