"""The quickstart wholly in a bucket of Swift, on Ray, one of Swift's processes killed meanwhile."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pandas
import polars
import pytest
import s3fs

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.back_ends import LONG
from tests.support.hosts import RAY
from tests.support.servers import BUCKET, CANARY, Server, Servers

pytestmark = [
    pytest.mark.s3,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not LONG, reason="takes ten minutes: `make test-s3` runs it"),
]

ROOT = Path(__file__).parents[2]
PORT, DASHBOARD, AGENT = "26379", "28265", "28366"
DOWN_S = 20


@pytest.fixture
def swift(servers: Servers, reach: Callable[[str], str]) -> Server:
    """A running Swift, with its keys in the environment."""
    reach("swift")
    return servers.get("swift")


@pytest.fixture
def ray(swift: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Ray whose nodes have the keys in their environment; yields the folder of its files."""
    folder = tempfile.mkdtemp(prefix="cb-", dir="/tmp")  # short: socket paths have a limit
    for name, value in {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_ADDRESS": f"http://127.0.0.1:{DASHBOARD}",
        "PATH": f"{RAY.parent}:{os.environ['PATH']}",
    }.items():
        monkeypatch.setenv(name, value)
    ports = ("--port", PORT, "--dashboard-port", DASHBOARD, "--dashboard-agent-listen-port", AGENT)
    start = (str(RAY), "start", "--head", "--num-cpus", "2", "--temp-dir", folder, *ports)
    head = subprocess.Popen([*start, "--disable-usage-stats", "--block"], stdout=subprocess.DEVNULL)
    try:
        yield Path(folder)
    finally:
        head.terminate()
        head.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def compound(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "compound", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)


def submitted(uri: str) -> str:
    """Submit the quickstart as soon as Ray answers; return the job's name."""
    deadline = time.monotonic() + 90
    while True:
        printed = compound("submit", "examples/quickstart.yaml", "--set", f"store={uri}", "--json")
        if printed.returncode == 0:
            return json.loads(printed.stdout)["job"]
        assert time.monotonic() < deadline, printed.stderr
        time.sleep(2)


def test_the_quickstart_survives_in_a_bucket_and_keeps_its_keys(
    swift: Server, ray: Path, tmp_path: Path
) -> None:
    prefix = secrets.token_hex(4)
    uri = f"s3://{BUCKET}/{prefix}/runs"
    job = submitted(uri)
    _interrupt(swift, f"{prefix}/runs/jobs/")
    printed = _ray_job("logs", "--follow", job)
    assert "succeeded" in _ray_job("status", job), printed
    at = ("quickstart", "--store", uri)
    status, fsck = compound("status", *at, "--json"), compound("fsck", uri)
    counts = json.loads(status.stdout)["counts"]
    assert set(counts) == {"done"} and counts["done"] > 25
    assert fsck.returncode == 0, fsck.stdout
    assert "all as they were written" in compound("verify", "--store", uri).stdout
    _check_other_readers(uri, compound("metrics", *at).stdout)
    report = tmp_path / "report.html"
    assert compound("report", *at, "-o", str(report)).returncode == 0
    client, keys = swift.client(), swift.keys(prefix)
    stored = [client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    logged = [file.read_bytes() for file in ray.rglob("*") if file.is_file()]
    details = _ray_job("list")
    assert job in details
    texts = (printed, status.stdout, status.stderr, details, report.read_text())
    assert len(stored) > 200 and sum(map(len, logged)) > 100_000
    everything = (*stored, *logged, *(text.encode() for text in texts))
    assert not [text[:200] for text in everything if CANARY.encode() in text]


def _ray_job(*words: str) -> str:
    """Return what Ray's own command tells of a job: a process of its own, which reads the token."""
    command = [str(RAY), "job", *words, "--address", os.environ["RAY_ADDRESS"]]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout + printed.stderr


def _interrupt(swift: Server, jobs: str) -> None:
    """Kill the process that keeps objects once training has begun, and start it again."""
    deadline = time.monotonic() + 240
    while len([key for key in swift.keys(jobs) if "manifest" in key]) < 8:
        assert time.monotonic() < deadline
        time.sleep(1)
    (objects,) = (process for process in swift.processes if "object" in process.command)
    objects.kill()
    time.sleep(DOWN_S)
    objects.start()


def _check_other_readers(uri: str, printed: str) -> None:
    """DuckDB, Polars and pandas see every row that `compound metrics` tells."""
    lines = len(printed.splitlines()) - 1
    store = ArtifactStore.open(uri, create=False)
    files = store._files  # its own s3fs takes the endpoint from the environment as well
    parts = [key for key in files.walk("jobs") if key.endswith(".parquet")]
    addresses = [files.locate(key) for key in parts]
    system = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    connection = duckdb.connect()
    connection.register_filesystem(system)
    query = f"select count(*) from read_parquet({addresses})"
    ((count,),) = connection.execute(query).fetchall()
    frames = []
    for address in addresses:
        with system.open(address) as file:
            frames.append(polars.read_parquet(file))
    assert count == polars.concat(frames).height == lines > 1000
    with system.open(addresses[0]) as file:
        assert len(pandas.read_parquet(file)) == frames[0].height
