"""Three hosts, as network namespaces on one machine: a submitted job trains across two of them."""

import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest
from tests.support.hosts import RAY, Hosts, require_namespaces
from tests.support.requests import MakeRequest

pytestmark = [pytest.mark.hosts, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
HOSTS = Hosts("ch", "10.77.0")

DRIVER = """
import json, sys
import ray
from ray.util.state import list_actors
from compound.cluster.gauges import StudyGauges
from compound.cluster.ray_session import connect
from compound.cluster.trials.ray_runner import RayRunner
from compound.schemas.job import JobRequest

requests = [JobRequest.model_validate_json(line) for line in open("jobs.jsonl")]
hosts, alive = set(), [("class_name", "=", "RayTrainWorker"), ("state", "=", "ALIVE")]

with connect() as session:
    address = ray.get_runtime_context().gcs_address  # other Rays may run on the machine
    gauges = StudyGauges("hosts")

    def on_event(event):
        gauges(event)
        print(event.kind, event.label, event.message, flush=True)
        if event.row:
            hosts.update(actor.node_id for actor in list_actors(address, filters=alive))

    results = RayRunner(session).run(requests, sys.argv[1], on_event)
    statuses = [result.status for result in results]
    print(json.dumps({"nodes": len(session.nodes), "hosts": len(hosts), "statuses": statuses}))
"""


@pytest.fixture(scope="module")
def three_hosts() -> Iterator[str]:
    """A Ray of three hosts with token mode on, whose head has no CPU to give.

    Yields a folder that one of the hosts has for itself.
    """
    require_namespaces()
    folder = tempfile.mkdtemp(prefix="ch-", dir="/tmp")  # short: socket paths have a limit
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    before = {key: os.environ.get(key) for key in environment}
    os.environ.update(environment)
    try:
        HOSTS.lay()
        private = f"{folder}/private"
        Path(private).mkdir()
        start_ray(folder, private)
        yield private
    finally:
        HOSTS.clear()
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.update({key: value for key, value in before.items() if value is not None})
        for key in (key for key, value in before.items() if value is None):
            del os.environ[key]


def start_ray(folder: str, private: str) -> None:
    for host in HOSTS.addresses:
        # Nobody but the last host sees what lies in its private folder.
        hide = ("sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', private)
        HOSTS.start_ray(host, f"{folder}/{host[-2:]}", *(hide if host == HOSTS.last else ()))


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
    ended = HOSTS.on(HOSTS.head, *submit, "--working-dir", str(folder), *run)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = next(line for line in ended.stdout.splitlines() if line.startswith("{"))
    assert json.loads(summary) == {"nodes": 3, "hosts": 2, "statuses": ["done", "done"]}
    assert_same_numbers(requests, store, tmp_path / "alone")


def test_a_submitted_study_ends_with_a_family_trained_across_hosts(
    three_hosts: str, tmp_path: Path
) -> None:
    store = tmp_path / "shared"
    submit = (str(RAY), "job", "submit", "--address", "http://127.0.0.1:8265")
    settings = {"store": store, "search.seeds": 1, "family.phi": "[1, 2]", "train.epochs": 2}
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    run = (sys.executable, "-m", "compound", "run", "examples/quickstart.yaml", *sets)
    ended = HOSTS.on(HOSTS.head, *submit, "--working-dir", str(ROOT), "--", *run)
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
    local_rows, cluster_rows = (ArtifactStore.open(str(uri)).rows(job) for uri in (alone, store))
    timed = {"images_per_second", "seconds", "data_wait"}
    for near, far in zip(local_rows, cluster_rows, strict=True):
        same = [{k: v for k, v in row.metrics.items() if k not in timed} for row in (near, far)]
        assert same[0] == same[1]


def test_a_store_that_the_hosts_do_not_share_is_refused(three_hosts: str) -> None:
    # Not `auto`: processes of all namespaces are seen, and with them another test's Ray.
    code = (
        "import sys\n"
        "from compound.cluster.ray_session import connect\n"
        "from compound.cluster.trials.ray_runner import RayRunner\n"
        "with connect(sys.argv[2]) as session: RayRunner(session).run([], sys.argv[1], print)"
    )
    ended = HOSTS.on(HOSTS.head, sys.executable, "-c", code, three_hosts, HOSTS.ray)
    blind = HOSTS.addresses[HOSTS.last]
    assert f"the store is not shared: {blind} cannot see this folder" in ended.stderr
