"""Three hosts, as network namespaces on one machine: a submitted job trains across two of them."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeRequest

from cluster.local import LocalRunner
from jobs.store.artifacts import ArtifactStore
from schemas.job import JobRequest

pytestmark = [pytest.mark.hosts, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parent.parent
BRIDGE = "compound0"
HOSTS = {f"compound-h{number}": f"10.77.0.{number}" for number in (1, 2, 3)}
HEAD, _, LAST = HOSTS
RAY = Path(sys.executable).parent / "ray"

DRIVER = """
import json, sys
from ray.util.state import list_actors
from cluster.metrics import StudyGauges
from cluster.session import connect
from cluster.tune import RayRunner
from schemas.job import JobRequest

requests = [JobRequest.model_validate_json(line) for line in open("jobs.jsonl")]
hosts, alive = set(), [("class_name", "=", "RayTrainWorker"), ("state", "=", "ALIVE")]

with connect() as session:
    gauges = StudyGauges("hosts")

    def on_event(event):
        gauges(event)
        print(event.kind, event.label, event.message, flush=True)
        if event.row:
            hosts.update(actor.node_id for actor in list_actors(filters=alive))

    results = RayRunner(session).run(requests, sys.argv[1], on_event)
    statuses = [result.status for result in results]
    print(json.dumps({"nodes": len(session.nodes), "hosts": len(hosts), "statuses": statuses}))
"""


def command(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, check=check, capture_output=True, text=True, timeout=300)


def lay_network() -> None:
    """A bridge, and a veth pair and an address for each host."""
    command("ip", "link", "add", BRIDGE, "type", "bridge")
    command("ip", "link", "set", BRIDGE, "up")
    for number, (host, address) in enumerate(HOSTS.items(), start=1):
        outside = f"compound{number}"
        command("ip", "netns", "add", host)
        command("ip", "link", "add", outside, "type", "veth", "peer", "e0", "netns", host)
        command("ip", "link", "set", outside, "master", BRIDGE, "up")
        inside = ("ip", "-n", host)
        command(*inside, "addr", "add", f"{address}/24", "dev", "e0")
        command(*inside, "link", "set", "e0", "up")
        command(*inside, "link", "set", "lo", "up")


def clear_network() -> None:
    """End what runs in the namespaces, then the namespaces."""
    for number, host in enumerate(HOSTS, start=1):
        for pid in command("ip", "netns", "pids", host, check=False).stdout.split():
            with_pid_gone(int(pid))
        command("ip", "netns", "delete", host, check=False)
        command("ip", "link", "delete", f"compound{number}", check=False)
    command("ip", "link", "delete", BRIDGE, check=False)


def with_pid_gone(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def on_host(host: str, *words: str) -> subprocess.CompletedProcess[str]:
    return command("ip", "netns", "exec", host, *words, check=False)


@pytest.fixture(scope="module")
def three_hosts() -> Iterator[str]:
    """A Ray of three hosts with token mode on, whose head has no CPU to give.

    Yields a folder that one of the hosts has for itself.
    """
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need iproute2")
    clear_network()
    folder = tempfile.mkdtemp(prefix="ch-", dir="/tmp")  # short: socket paths have a limit
    given = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    before = {key: os.environ.get(key) for key in given}
    os.environ.update(given)
    try:
        lay_network()
        private = f"{folder}/private"
        Path(private).mkdir()
        start_ray(folder, private)
        yield private
    finally:
        clear_network()
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.update({key: value for key, value in before.items() if value is not None})
        for key in (key for key, value in before.items() if value is None):
            del os.environ[key]


def start_ray(folder: str, private: str) -> None:
    """Start Ray on every host, with files of its own as on a machine of its own."""
    common = ("--object-store-memory", str(100 * 2**20), "--disable-usage-stats")
    for host, address in HOSTS.items():
        join = ("--address", f"{HOSTS[HEAD]}:6379", "--num-cpus", "1")
        lead = ("--head", "--port", "6379", "--num-cpus", "0")
        own = ("--node-ip-address", address, "--temp-dir", f"{folder}/{host[-2:]}")
        role = lead if host == HEAD else join
        start = (str(RAY), "start", *role, *own, *common)
        if host == LAST:  # nobody else sees what lies in this folder there
            start = ("sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', private, *start)
        started = on_host(host, *start)
        assert started.returncode == 0, started.stdout + started.stderr


def test_a_submitted_job_trains_on_two_hosts(
    three_hosts: str, make_request: MakeRequest, tmp_path: Path
) -> None:
    requests = [make_request(seed, workers=2) for seed in (0, 1)]
    store, folder = tmp_path / "shared", tmp_path / "upload"
    folder.mkdir()
    (folder / "driver.py").write_text(DRIVER)
    (folder / "jobs.jsonl").write_text("\n".join(r.model_dump_json() for r in requests))
    submit = (str(RAY), "job", "submit", "--address", "http://127.0.0.1:8265")
    run = ("--", sys.executable, "driver.py", str(store))
    ended = on_host(HEAD, *submit, "--working-dir", str(folder), *run)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = next(line for line in ended.stdout.splitlines() if line.startswith("{"))
    assert json.loads(told) == {"nodes": 3, "hosts": 2, "statuses": ["done", "done"]}
    assert_same_numbers(requests, store, tmp_path / "alone")


def test_a_submitted_study_ends_with_a_family_trained_across_hosts(
    three_hosts: str, tmp_path: Path
) -> None:
    store = tmp_path / "shared"
    submit = (str(RAY), "job", "submit", "--address", "http://127.0.0.1:8265")
    settings = {"store": store, "search.seeds": 1, "family.phi": "[1, 2]", "train.epochs": 2}
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    run = (sys.executable, "-m", "orchestrator", "run", "examples/quickstart.yaml", *sets)
    ended = on_host(HEAD, *submit, "--working-dir", str(ROOT), "--", *run)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (store / "studies" / "quickstart" / "report.html").exists()
    ledger = ArtifactStore.open(str(store), create=False)
    results = ledger.results(ledger.jobs()).values()
    assert {result.status for result in results} == {"done"}
    # A host has one CPU and the head has none: two ranks are on two hosts.
    assert max(result.world_size for result in results) == 2


def assert_same_numbers(requests: list[JobRequest], store: Path, alone: Path) -> None:
    LocalRunner().run(requests[:1], str(alone), lambda event: None)
    job = requests[0].job.id
    here, there = (ArtifactStore.open(str(uri)).rows(job) for uri in (alone, store))
    timed = {"images_per_second", "seconds", "data_wait"}
    for one, other in zip(here, there, strict=True):
        same = [{k: v for k, v in row.metrics.items() if k not in timed} for row in (one, other)]
        assert same[0] == same[1]


def test_a_store_that_the_hosts_do_not_share_is_refused(three_hosts: str) -> None:
    # Not `auto`: processes of all namespaces are seen, and with them another test's Ray.
    code = (
        "import sys; from cluster.session import connect; from cluster.tune import RayRunner\n"
        "with connect(sys.argv[2]) as session: RayRunner(session).run([], sys.argv[1], print)"
    )
    head = f"{HOSTS[HEAD]}:6379"
    ended = on_host(HEAD, sys.executable, "-c", code, three_hosts, head)
    assert f"the store is not shared: {HOSTS[LAST]} cannot see this folder" in ended.stderr
